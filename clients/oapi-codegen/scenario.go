// The scenario of clients/README.md with the Go client of oapi-codegen.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"time"

	"coreframe.test/coreframe"

	"github.com/google/uuid"
)

var missingID = uuid.MustParse("00000000-0000-4000-8000-000000000000")

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
	withKey := coreframe.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-API-Key", os.Getenv("COREFRAME_API_KEY"))
		return nil
	})
	client, err := coreframe.NewClientWithResponses(baseURL, withKey)
	if err != nil {
		return nil, err
	}
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
		{"unauthenticated", func() (any, error) { return unauthenticated(ctx, baseURL) }},
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

// form writes files as the multipart body that the client takes as a reader.
func form(field, folder string, names ...string) (string, *bytes.Buffer, error) {
	body := &bytes.Buffer{}
	writer := multipart.NewWriter(body)
	for _, name := range names {
		part, err := writer.CreateFormFile(field, name)
		if err != nil {
			return "", nil, err
		}
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", nil, err
		}
		if _, err := part.Write(content); err != nil {
			return "", nil, err
		}
	}
	return writer.FormDataContentType(), body, writer.Close()
}

// upload sends two pictures and a file that is not one, and returns the ids of the pictures.
func upload(ctx context.Context, client *coreframe.ClientWithResponses, folder string, transcript object) ([]uuid.UUID, error) {
	contentType, body, err := form("files", folder, "photo.jpg", "scan.png", "notes.txt")
	if err != nil {
		return nil, err
	}
	response, err := client.UploadImagesWithBodyWithResponse(ctx, contentType, body)
	if err != nil {
		return nil, err
	}
	uploaded, err := either(response.JSON201, response.JSON200, response.Body)
	if err != nil {
		return nil, err
	}
	var statuses []coreframe.UploadResultStatus
	var ids []uuid.UUID
	var code coreframe.ProblemCode
	for _, result := range uploaded.Results {
		statuses = append(statuses, result.Status)
		if result.Image != nil {
			ids = append(ids, result.Image.Id)
		}
		if result.Problem != nil {
			code = result.Problem.Code
		}
	}
	if len(ids) != 2 {
		return nil, fmt.Errorf("%d pictures were stored, not 2", len(ids))
	}
	transcript["upload"] = object{"statuses": statuses, "problem": code}
	return ids, nil
}

func pages(ctx context.Context, client *coreframe.ClientWithResponses) (any, error) {
	params := &coreframe.ListImagesParams{Limit: pointer[int32](1), Sort: pointer(coreframe.MinusFilename)}
	names := [][]string{}
	for {
		response, err := client.ListImagesWithResponse(ctx, params)
		if err != nil {
			return nil, err
		}
		page, err := found(response.JSON200, response.Body)
		if err != nil {
			return nil, err
		}
		var onPage []string
		for _, image := range page.Items {
			onPage = append(onPage, image.Filename)
		}
		names = append(names, onPage)
		if page.NextCursor == nil {
			return names, nil
		}
		params.Cursor = page.NextCursor
	}
}

func resize(ctx context.Context, client *coreframe.ClientWithResponses, photo uuid.UUID) (any, error) {
	made, err := client.ResizeImageWithResponse(ctx, photo, &coreframe.ResizeImageParams{}, coreframe.ResizeRequest{
		Width: pointer[int32](320), Format: pointer(coreframe.ResizeRequestFormatWebp),
	})
	if err != nil {
		return nil, err
	}
	artifact, err := either(made.JSON201, made.JSON200, made.Body)
	if err != nil {
		return nil, err
	}
	content, err := client.GetArtifactContentWithResponse(ctx, artifact.Id, &coreframe.GetArtifactContentParams{})
	if err != nil {
		return nil, err
	}
	direct, err := client.GetResizedImageWithResponse(ctx, photo, &coreframe.GetResizedImageParams{
		Width: pointer[int32](320), Format: pointer(coreframe.GetResizedImageParamsFormatWebp),
	})
	if err != nil {
		return nil, err
	}
	return object{
		"kind":   artifact.Kind,
		"width":  artifact.Result.Width,
		"sha256": artifact.Sha256,
		"same":   hashOf(content.Body) == artifact.Sha256 && hashOf(direct.Body) == artifact.Sha256,
	}, nil
}

func pipeline(ctx context.Context, client *coreframe.ClientWithResponses, photo uuid.UUID) (any, error) {
	operations := make([]coreframe.Operation, 3)
	if err := errors.Join(
		operations[0].FromCropOperation(coreframe.CropOperation{AspectRatio: pointer("1:1")}),
		operations[1].FromResizeOperation(coreframe.ResizeOperation{Width: pointer[int32](64)}),
		operations[2].FromRotateOperation(coreframe.RotateOperation{Angle: pointer(90.0)}),
	); err != nil {
		return nil, err
	}
	body := coreframe.Pipeline{
		Operations: &operations,
		Output:     &coreframe.PipelineOutput{Format: pointer(coreframe.PipelineOutputFormatPng)},
	}
	picture, err := client.RenderImageWithResponse(ctx, photo, &coreframe.RenderImageParams{}, body)
	if err != nil {
		return nil, err
	}
	if picture.StatusCode() != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", picture.Body)
	}
	made, err := client.TransformImageWithResponse(ctx, photo, &coreframe.TransformImageParams{}, body)
	if err != nil {
		return nil, err
	}
	artifact, err := either(made.JSON201, made.JSON200, made.Body)
	if err != nil {
		return nil, err
	}
	if artifact.Parameters.Operations == nil {
		return nil, errors.New("the artifact has no operations")
	}
	var names []string
	for _, operation := range *artifact.Parameters.Operations {
		value, err := operation.ValueByDiscriminator()
		if err != nil {
			return nil, err
		}
		switch value := value.(type) {
		case coreframe.CropOperation:
			names = append(names, string(value.Op))
		case coreframe.ResizeOperation:
			names = append(names, string(value.Op))
		case coreframe.RotateOperation:
			names = append(names, string(value.Op))
		default:
			return nil, fmt.Errorf("an operation that was not asked for: %T", value)
		}
	}
	return object{"operations": names, "sha256": hashOf(picture.Body)}, nil
}

func histogram(ctx context.Context, client *coreframe.ClientWithResponses, photo uuid.UUID) (any, error) {
	response, err := client.GetImageHistogramWithResponse(ctx, photo, &coreframe.GetImageHistogramParams{Bins: pointer[int32](16)})
	if err != nil {
		return nil, err
	}
	result, err := found(response.JSON200, response.Body)
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
	return object{"channels": names, "red_pixels": red.Pixels, "red_first": red.Counts[:4], "mean": red.Mean}, nil
}

func segmentation(ctx context.Context, client *coreframe.ClientWithResponses, scan uuid.UUID) (any, error) {
	body := coreframe.SegmentationRequest{
		Method: pointer(coreframe.SegmentationRequestMethodOtsu), MinArea: pointer[int32](100),
	}
	made, err := client.SegmentImageWithResponse(ctx, scan, &coreframe.SegmentImageParams{}, body)
	if err != nil {
		return nil, err
	}
	artifact, err := either(made.JSON201, made.JSON200, made.Body)
	if err != nil {
		return nil, err
	}
	listed, err := client.GetSegmentsWithResponse(ctx, artifact.Id)
	if err != nil {
		return nil, err
	}
	segments, err := found(listed.JSON200, listed.Body)
	if err != nil {
		return nil, err
	}
	runs, err := client.GetSegmentsCocoRleWithResponse(ctx, artifact.Id)
	if err != nil {
		return nil, err
	}
	rle, err := found(runs.JSON200, runs.Body)
	if err != nil {
		return nil, err
	}
	outlines, err := client.GetSegmentsCocoPolygonsWithResponse(ctx, artifact.Id)
	if err != nil {
		return nil, err
	}
	polygons, err := found(outlines.JSON200, outlines.Body)
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
func job(ctx context.Context, client *coreframe.ClientWithResponses, ids []uuid.UUID) (any, error) {
	var body coreframe.JobRequest
	if err := body.FromResizeJobRequest(coreframe.ResizeJobRequest{
		Parameters: &coreframe.ResizeRequest{Width: pointer[int32](100)}, ImageIds: &ids,
	}); err != nil {
		return nil, err
	}
	submit := func() (*coreframe.Job, error) {
		made, err := client.CreateJobWithResponse(ctx, &coreframe.CreateJobParams{IdempotencyKey: pointer("scenario")}, body)
		if err != nil {
			return nil, err
		}
		return either(made.JSON201, made.JSON200, made.Body)
	}
	job, err := submit()
	if err != nil {
		return nil, err
	}
	repeated, err := submit()
	if err != nil {
		return nil, err
	}
	for job.EndedAt == nil {
		time.Sleep(50 * time.Millisecond)
		response, err := client.GetJobWithResponse(ctx, job.Id)
		if err != nil {
			return nil, err
		}
		if job, err = found(response.JSON200, response.Body); err != nil {
			return nil, err
		}
	}
	listed, err := client.ListJobItemsWithResponse(ctx, job.Id, &coreframe.ListJobItemsParams{})
	if err != nil {
		return nil, err
	}
	page, err := found(listed.JSON200, listed.Body)
	if err != nil {
		return nil, err
	}
	var items []string
	for _, item := range page.Items {
		items = append(items, string(item.State))
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
func imageLog(ctx context.Context, client *coreframe.ClientWithResponses, folder string, transcript object) error {
	contentType, body, err := form("file", folder, "image-log.csv")
	if err != nil {
		return err
	}
	uploaded, err := client.UploadImageLogWithBodyWithResponse(
		ctx, &coreframe.UploadImageLogParams{DepthUnit: pointer("m")}, contentType, body)
	if err != nil {
		return err
	}
	log, err := either(uploaded.JSON201, uploaded.JSON200, uploaded.Body)
	if err != nil {
		return err
	}
	transcript["log"] = object{"rows": log.Rows, "message": log.Message}

	ids := []uuid.UUID{log.Id}
	between, err := client.GetFramesWithResponse(ctx, &coreframe.GetFramesParams{
		DepthMin: pointer(9000.1), DepthMax: pointer(9000.5), FrameSetId: &ids,
	})
	if err != nil {
		return err
	}
	list, err := found(between.JSON200, between.Body)
	if err != nil {
		return err
	}
	frames := *list
	if len(frames) == 0 {
		return errors.New("no frames between the depths")
	}
	listed, err := client.ListFramesWithResponse(ctx, log.Id, &coreframe.ListFramesParams{Limit: pointer[int32](3)})
	if err != nil {
		return err
	}
	page, err := found(listed.JSON200, listed.Body)
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
		"image_sha256": hashOf(frames[0].Image),
		"page":         depths,
	}

	picture, err := client.GetFramesPictureWithResponse(ctx, &coreframe.GetFramesPictureParams{
		FrameSetId: &ids, Height: pointer[int32](200), Format: pointer(coreframe.GetFramesPictureParamsFormatPng),
	})
	if err != nil {
		return err
	}
	if picture.StatusCode() != http.StatusOK {
		return fmt.Errorf("the server answered %s", picture.Body)
	}
	transcript["picture"] = object{"sha256": hashOf(picture.Body)}
	return nil
}

func validation(ctx context.Context, client *coreframe.ClientWithResponses, photo uuid.UUID) (any, error) {
	response, err := client.GetResizedImageWithResponse(ctx, photo, &coreframe.GetResizedImageParams{
		Background: pointer("nope"), Matte: pointer("none"),
	})
	if err != nil {
		return nil, err
	}
	problem, err := found(response.ApplicationproblemJSON422, response.Body)
	if err != nil {
		return nil, err
	}
	faults := [][]string{}
	if problem.Errors != nil {
		for _, fault := range *problem.Errors {
			faults = append(faults, []string{string(fault.Location), fault.Path})
		}
	}
	sort.Slice(faults, func(a, b int) bool { return faults[a][1] < faults[b][1] })
	return object{"status": problem.Status, "code": problem.Code, "faults": faults}, nil
}

func missing(ctx context.Context, client *coreframe.ClientWithResponses) (any, error) {
	response, err := client.GetImageWithResponse(ctx, missingID, &coreframe.GetImageParams{})
	if err != nil {
		return nil, err
	}
	problem, err := found(response.ApplicationproblemJSON404, response.Body)
	if err != nil {
		return nil, err
	}
	return object{"status": problem.Status, "code": problem.Code}, nil
}

func unauthenticated(ctx context.Context, baseURL string) (any, error) {
	client, err := coreframe.NewClientWithResponses(baseURL)
	if err != nil {
		return nil, err
	}
	response, err := client.ListImagesWithResponse(ctx, &coreframe.ListImagesParams{})
	if err != nil {
		return nil, err
	}
	problem, err := found(response.ApplicationproblemJSON401, response.Body)
	if err != nil {
		return nil, err
	}
	return object{"status": problem.Status, "code": problem.Code}, nil
}

func deleted(ctx context.Context, client *coreframe.ClientWithResponses, scan uuid.UUID) (any, error) {
	removal, err := client.DeleteImageWithResponse(ctx, scan)
	if err != nil {
		return nil, err
	}
	if removal.StatusCode() != http.StatusNoContent {
		return nil, fmt.Errorf("the server answered %s", removal.Body)
	}
	response, err := client.GetImageWithResponse(ctx, scan, &coreframe.GetImageParams{})
	if err != nil {
		return nil, err
	}
	return response.ApplicationproblemJSON404 != nil, nil
}

// found returns the typed answer, or an error with the text of another one.
func found[T any](answer *T, text []byte) (*T, error) {
	if answer == nil {
		return nil, fmt.Errorf("the server answered %s", text)
	}
	return answer, nil
}

// either returns what was made now or, if it was there already, what was found.
func either[T any](made, existing *T, text []byte) (*T, error) {
	if made != nil {
		return made, nil
	}
	return found(existing, text)
}

func pointer[T any](value T) *T {
	return &value
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
