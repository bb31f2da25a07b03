// The scenario of clients/README.md with the Go client of openapi-generator.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"time"

	"coreframe.test/coreframe"
)

const missingID = "00000000-0000-4000-8000-000000000000"

type object map[string]any

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: scenario BASE_URL FOLDER")
		os.Exit(2)
	}
	transcript, err := run(context.Background(), os.Args[1], os.Args[2])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(transcript)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, baseURL, folder string) (object, error) {
	configuration := coreframe.NewConfiguration()
	configuration.Servers = coreframe.ServerConfigurations{{URL: baseURL}}
	client := coreframe.NewAPIClient(configuration)
	withoutKey := ctx
	ctx = context.WithValue(ctx, coreframe.ContextAPIKeys, map[string]coreframe.APIKey{
		"api_key": {Key: os.Getenv("COREFRAME_API_KEY")},
	})
	transcript := object{}

	ids, err := upload(ctx, client, folder, transcript)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	photo, scan := ids[0], ids[1]
	steps := []struct {
		name string
		run  func() (any, error)
	}{
		{"pages", func() (any, error) { return pages(ctx, client) }},
		{"resize", func() (any, error) { return resize(ctx, client, photo) }},
		{"pipeline", func() (any, error) { return pipeline(ctx, client, photo) }},
		{"histogram", func() (any, error) { return histogram(ctx, client, photo) }},
		{"segmentation", func() (any, error) { return segmentation(ctx, client, scan) }},
		{"job", func() (any, error) { return job(ctx, client, ids) }},
		{"validation", func() (any, error) { return validation(ctx, client, photo) }},
		{"missing", func() (any, error) { return missing(ctx, client) }},
		{"unauthenticated", func() (any, error) { return unauthenticated(withoutKey, client) }},
		{"deleted", func() (any, error) { return deleted(ctx, client, scan) }},
	}
	for _, step := range steps {
		if transcript[step.name], err = step.run(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if err := imageLog(ctx, client, folder, transcript); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return transcript, nil
}

// upload sends two pictures and a file that is not one, and returns the ids of the pictures.
func upload(ctx context.Context, client *coreframe.APIClient, folder string, transcript object) ([]string, error) {
	var files []*os.File
	for _, name := range []string{"photo.jpg", "scan.png", "notes.txt"} {
		file, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		defer file.Close()
		files = append(files, file)
	}
	response, _, err := client.ImagesAPI.UploadImages(ctx).Files(files).Execute()
	if err != nil {
		return nil, err
	}
	var statuses, ids []string
	var code string
	for _, result := range response.Results {
		statuses = append(statuses, result.Status)
		if image, ok := result.GetImageOk(); ok {
			ids = append(ids, image.Id)
		}
		if problem, ok := result.GetProblemOk(); ok {
			code = problem.Code
		}
	}
	if len(ids) != 2 {
		return nil, fmt.Errorf("%d pictures were stored, not 2", len(ids))
	}
	transcript["upload"] = object{"statuses": statuses, "problem": code}
	return ids, nil
}

func pages(ctx context.Context, client *coreframe.APIClient) (any, error) {
	request := client.ImagesAPI.ListImages(ctx).Limit(1).Sort("-filename")
	names := [][]string{}
	for {
		page, _, err := request.Execute()
		if err != nil {
			return nil, err
		}
		var onPage []string
		for _, image := range page.Items {
			onPage = append(onPage, image.Filename)
		}
		names = append(names, onPage)
		cursor, ok := page.GetNextCursorOk()
		if !ok || cursor == nil {
			return names, nil
		}
		request = request.Cursor(*cursor)
	}
}

func resize(ctx context.Context, client *coreframe.APIClient, photo string) (any, error) {
	body := coreframe.ResizeRequest{Width: coreframe.PtrInt32(320), Format: coreframe.PtrString("webp")}
	artifact, _, err := client.ManipulationAPI.ResizeImage(ctx, photo).ResizeRequest(body).Execute()
	if err != nil {
		return nil, err
	}
	content, err := hashOf(client.ArtifactsAPI.GetArtifactContent(ctx, artifact.Id).Execute())
	if err != nil {
		return nil, err
	}
	direct, err := hashOf(client.ManipulationAPI.GetResizedImage(ctx, photo).Width(320).Format("webp").Execute())
	if err != nil {
		return nil, err
	}
	return object{
		"kind":   artifact.Kind,
		"width":  artifact.Result.Width,
		"sha256": artifact.Sha256,
		"same":   content == artifact.Sha256 && direct == artifact.Sha256,
	}, nil
}

func pipeline(ctx context.Context, client *coreframe.APIClient, photo string) (any, error) {
	body := coreframe.Pipeline{
		Operations: []coreframe.Operation{
			coreframe.CropOperationAsOperation(&coreframe.CropOperation{Op: "crop", AspectRatio: coreframe.PtrString("1:1")}),
			coreframe.ResizeOperationAsOperation(&coreframe.ResizeOperation{Op: "resize", Width: coreframe.PtrInt32(64)}),
			coreframe.RotateOperationAsOperation(&coreframe.RotateOperation{Op: "rotate", Angle: coreframe.PtrFloat64(90)}),
		},
		Output: &coreframe.PipelineOutput{Format: coreframe.PtrString("png")},
	}
	sha256, err := hashOf(client.ManipulationAPI.RenderImage(ctx, photo).Pipeline(body).Execute())
	if err != nil {
		return nil, err
	}
	artifact, _, err := client.ManipulationAPI.TransformImage(ctx, photo).Pipeline(body).Execute()
	if err != nil {
		return nil, err
	}
	var operations []string
	for _, operation := range artifact.Parameters.Operations {
		switch value := operation.GetActualInstance().(type) {
		case *coreframe.CropOperation:
			operations = append(operations, value.Op)
		case *coreframe.ResizeOperation:
			operations = append(operations, value.Op)
		case *coreframe.RotateOperation:
			operations = append(operations, value.Op)
		default:
			return nil, fmt.Errorf("an operation that was not asked for: %T", value)
		}
	}
	return object{"operations": operations, "sha256": sha256}, nil
}

func histogram(ctx context.Context, client *coreframe.APIClient, photo string) (any, error) {
	result, _, err := client.MeasurementAPI.GetImageHistogram(ctx, photo).Bins(16).Execute()
	if err != nil {
		return nil, err
	}
	channels := map[string]*coreframe.ChannelHistogram{
		"red": result.Channels.Red, "green": result.Channels.Green, "blue": result.Channels.Blue,
		"alpha": result.Channels.Alpha, "grey": result.Channels.Grey, "luminance": result.Channels.Luminance,
		"hue": result.Channels.Hue, "saturation": result.Channels.Saturation, "value": result.Channels.Value,
	}
	var names []string
	for name, channel := range channels {
		if channel != nil {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	red := result.Channels.Red
	if red == nil || len(red.Counts) < 4 {
		return nil, errors.New("the red channel is missing")
	}
	return object{
		"channels":   names,
		"red_pixels": red.Pixels,
		"red_first":  red.Counts[:4],
		"mean":       red.Mean.Get(),
	}, nil
}

func segmentation(ctx context.Context, client *coreframe.APIClient, scan string) (any, error) {
	body := coreframe.SegmentationRequest{Method: coreframe.PtrString("otsu"), MinArea: coreframe.PtrInt32(100)}
	artifact, _, err := client.MeasurementAPI.SegmentImage(ctx, scan).SegmentationRequest(body).Execute()
	if err != nil {
		return nil, err
	}
	segments, _, err := client.MeasurementAPI.GetSegments(ctx, artifact.Id).Execute()
	if err != nil {
		return nil, err
	}
	rle, _, err := client.MeasurementAPI.GetSegmentsCocoRle(ctx, artifact.Id).Execute()
	if err != nil {
		return nil, err
	}
	polygons, _, err := client.MeasurementAPI.GetSegmentsCocoPolygons(ctx, artifact.Id).Execute()
	if err != nil {
		return nil, err
	}
	if len(segments.Segments) == 0 || len(rle.Annotations) == 0 || len(polygons.Annotations) == 0 {
		return nil, errors.New("no segments")
	}
	return object{
		"kind":        artifact.Kind,
		"segments":    artifact.Result.SegmentCount,
		"first_area":  segments.Segments[0].Area,
		"annotations": len(rle.Annotations),
		"rle":         rle.Annotations[0].Segmentation.Counts,
		"polygons":    len(polygons.Annotations[0].Segmentation),
	}, nil
}

// job resizes pictures in the background and waits for the end.
func job(ctx context.Context, client *coreframe.APIClient, ids []string) (any, error) {
	body := coreframe.ResizeJobRequestAsJobRequest(&coreframe.ResizeJobRequest{
		Operation: "resize", Parameters: &coreframe.ResizeRequest{Width: coreframe.PtrInt32(100)}, ImageIds: ids,
	})
	request := client.JobsAPI.CreateJob(ctx).JobRequest(body).IdempotencyKey("scenario")
	job, _, err := request.Execute()
	if err != nil {
		return nil, err
	}
	repeated, _, err := request.Execute()
	if err != nil {
		return nil, err
	}
	for job.EndedAt.Get() == nil {
		time.Sleep(50 * time.Millisecond)
		if job, _, err = client.JobsAPI.GetJob(ctx, job.Id).Execute(); err != nil {
			return nil, err
		}
	}
	page, _, err := client.JobsAPI.ListJobItems(ctx, job.Id).Execute()
	if err != nil {
		return nil, err
	}
	var items []string
	for _, item := range page.Items {
		items = append(items, item.State)
	}
	return object{
		"operation": job.Operation,
		"state":     job.State,
		"succeeded": job.Progress.Succeeded,
		"items":     items,
		"same":      repeated.Id == job.Id,
	}, nil
}

// imageLog uploads a log and adds the parts "log", "frames" and "picture".
func imageLog(ctx context.Context, client *coreframe.APIClient, folder string, transcript object) error {
	file, err := os.Open(filepath.Join(folder, "image-log.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	log, _, err := client.FramesAPI.UploadImageLog(ctx).File(file).DepthUnit("m").Execute()
	if err != nil {
		return err
	}
	transcript["log"] = object{"rows": log.Rows, "message": log.Message}

	frames, _, err := client.FramesAPI.GetFrames(ctx).
		DepthMin(9000.1).DepthMax(9000.5).FrameSetId([]string{log.Id}).Execute()
	if err != nil {
		return err
	}
	if len(frames) == 0 {
		return errors.New("no frames between the depths")
	}
	image, err := base64.StdEncoding.DecodeString(frames[0].Image)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(image)
	page, _, err := client.FramesAPI.ListFrames(ctx, log.Id).Limit(3).Execute()
	if err != nil {
		return err
	}
	var depths []float64
	for _, frame := range page.Items {
		depths = append(depths, frame.Depth)
	}
	transcript["frames"] = object{
		"count":        len(frames),
		"first_depth":  frames[0].Depth,
		"image_sha256": hex.EncodeToString(sum[:]),
		"page":         depths,
	}

	picture, err := hashOf(client.FramesAPI.GetFramesPicture(ctx).
		FrameSetId([]string{log.Id}).Height(200).Format("png").Execute())
	transcript["picture"] = object{"sha256": picture}
	return err
}

func validation(ctx context.Context, client *coreframe.APIClient, photo string) (any, error) {
	file, _, err := client.ManipulationAPI.GetResizedImage(ctx, photo).Background("nope").Matte("none").Execute()
	discard(file)
	problem, err := problemOf(err)
	if err != nil {
		return nil, err
	}
	faults := [][]string{}
	for _, fault := range problem.Errors {
		faults = append(faults, []string{fault.Location, fault.Path})
	}
	sort.Slice(faults, func(a, b int) bool { return faults[a][1] < faults[b][1] })
	return object{"status": problem.Status, "code": problem.Code, "faults": faults}, nil
}

func missing(ctx context.Context, client *coreframe.APIClient) (any, error) {
	_, _, err := client.ImagesAPI.GetImage(ctx, missingID).Execute()
	problem, err := problemOf(err)
	if err != nil {
		return nil, err
	}
	return object{"status": problem.Status, "code": problem.Code}, nil
}

func unauthenticated(ctx context.Context, client *coreframe.APIClient) (any, error) {
	_, _, err := client.ImagesAPI.ListImages(ctx).Execute()
	problem, err := problemOf(err)
	if err != nil {
		return nil, err
	}
	return object{"status": problem.Status, "code": problem.Code}, nil
}

func deleted(ctx context.Context, client *coreframe.APIClient, scan string) (any, error) {
	if _, err := client.ImagesAPI.DeleteImage(ctx, scan).Execute(); err != nil {
		return nil, err
	}
	_, _, err := client.ImagesAPI.GetImage(ctx, scan).Execute()
	problem, err := problemOf(err)
	if err != nil {
		return nil, err
	}
	return problem.Status == http.StatusNotFound, nil
}

// problemOf returns the typed problem of a call that should have been refused.
func problemOf(err error) (*coreframe.Problem, error) {
	if err == nil {
		return nil, errors.New("the server accepted a request that it should refuse")
	}
	var failure *coreframe.GenericOpenAPIError
	if errors.As(err, &failure) {
		if problem, ok := failure.Model().(coreframe.Problem); ok {
			return &problem, nil
		}
	}
	return nil, err
}

// hashOf gives the SHA-256 of a downloaded file and removes the file.
func hashOf(file *os.File, _ *http.Response, err error) (string, error) {
	defer discard(file)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// discard removes the temporary file that the client writes a download to.
func discard(file *os.File) {
	if file != nil {
		file.Close()
		os.Remove(file.Name())
	}
}
