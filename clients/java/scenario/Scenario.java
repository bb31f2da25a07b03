import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.coreframe.ApiClient;
import org.coreframe.ApiException;
import org.coreframe.api.ArtifactsApi;
import org.coreframe.api.FramesApi;
import org.coreframe.api.ImagesApi;
import org.coreframe.api.JobsApi;
import org.coreframe.api.ManipulationApi;
import org.coreframe.api.MeasurementApi;
import org.coreframe.model.ChannelHistogram;
import org.coreframe.model.CropOperation;
import org.coreframe.model.Frame;
import org.coreframe.model.Image;
import org.coreframe.model.JobRequest;
import org.coreframe.model.Operation;
import org.coreframe.model.Pipeline;
import org.coreframe.model.PipelineOutput;
import org.coreframe.model.Problem;
import org.coreframe.model.ResizeJobRequest;
import org.coreframe.model.ResizeOperation;
import org.coreframe.model.ResizeRequest;
import org.coreframe.model.RotateOperation;
import org.coreframe.model.SegmentationRequest;

/** The scenario of clients/README.md with the Java client of openapi-generator. */
public final class Scenario {
  private static final UUID MISSING = UUID.fromString("00000000-0000-4000-8000-000000000000");

  private final ApiClient client = new ApiClient();
  private final ImagesApi images;
  private final ManipulationApi manipulation;
  private final MeasurementApi measurement;
  private final ArtifactsApi artifacts;
  private final FramesApi frames;
  private final JobsApi jobs;
  private final File folder;
  private final Map<String, Object> transcript = new LinkedHashMap<>();

  private Scenario(String baseUrl, File folder) {
    client.updateBaseUri(baseUrl);
    client.setRequestInterceptor(request -> request.header("X-API-Key", System.getenv("COREFRAME_API_KEY")));
    images = new ImagesApi(client);
    manipulation = new ManipulationApi(client);
    measurement = new MeasurementApi(client);
    artifacts = new ArtifactsApi(client);
    frames = new FramesApi(client);
    jobs = new JobsApi(client);
    this.folder = folder;
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 2) {
      System.err.println("usage: Scenario BASE_URL FOLDER");
      System.exit(2);
    }
    var scenario = new Scenario(arguments[0], new File(arguments[1]));
    scenario.run();
    System.out.println(new ObjectMapper().writeValueAsString(scenario.transcript));
  }

  private void run() throws Exception {
    List<UUID> ids = upload();
    UUID photo = ids.get(0);
    UUID scan = ids.get(1);
    pages();
    resize(photo);
    pipeline(photo);
    histogram(photo);
    segmentation(scan);
    job(ids);
    imageLog();
    validation(photo);
    Problem problem = problemOf(() -> images.getImage(MISSING, null));
    transcript.put("missing", Map.of("status", problem.getStatus(), "code", problem.getCode().getValue()));
    Problem refusal = problemOf(() -> new ImagesApi(withoutKey()).listImages(null, null, null, null, null, null, null, null));
    transcript.put(
        "unauthenticated", Map.of("status", refusal.getStatus(), "code", refusal.getCode().getValue()));
    images.deleteImage(scan);
    transcript.put("deleted", problemOf(() -> images.getImage(scan, null)).getStatus() == 404);
  }

  private ApiClient withoutKey() {
    var other = new ApiClient();
    other.updateBaseUri(client.getBaseUri());
    return other;
  }

  private List<UUID> upload() throws ApiException {
    var files = List.of(new File(folder, "photo.jpg"), new File(folder, "scan.png"), new File(folder, "notes.txt"));
    var statuses = new ArrayList<String>();
    var ids = new ArrayList<UUID>();
    var code = "";
    for (var result : images.uploadImages(files).getResults()) {
      statuses.add(result.getStatus().getValue());
      if (result.getImage() != null) ids.add(result.getImage().getId());
      if (result.getProblem() != null) code = result.getProblem().getCode().getValue();
    }
    transcript.put("upload", Map.of("statuses", statuses, "problem", code));
    return ids;
  }

  private void pages() throws ApiException {
    var names = new ArrayList<List<String>>();
    String cursor = null;
    do {
      var page = images.listImages(1, cursor, "-filename", null, null, null, null, null);
      names.add(page.getItems().stream().map(Image::getFilename).toList());
      cursor = page.getNextCursor();
    } while (cursor != null);
    transcript.put("pages", names);
  }

  private void resize(UUID photo) throws Exception {
    var request = new ResizeRequest().width(320).format(ResizeRequest.FormatEnum.WEBP);
    var artifact = manipulation.resizeImage(photo, request, null);
    String content = hashOf(artifacts.getArtifactContent(artifact.getId(), null));
    String direct =
        hashOf(
            manipulation.getResizedImage(
                photo, 320, null, null, null, null, null, null, null, null, null, "webp", null, null, null, null,
                null, null, null, null, null, null, null, null, null, null, null));
    transcript.put(
        "resize",
        Map.of(
            "kind", artifact.getKind().getValue(),
            "width", artifact.getResult().getWidth(),
            "sha256", artifact.getSha256(),
            "same", content.equals(artifact.getSha256()) && direct.equals(artifact.getSha256())));
  }

  private void pipeline(UUID photo) throws Exception {
    var pipeline =
        new Pipeline()
            .addOperationsItem(
                new Operation(new CropOperation().op(CropOperation.OpEnum.CROP).aspectRatio("1:1")))
            .addOperationsItem(
                new Operation(new ResizeOperation().op(ResizeOperation.OpEnum.RESIZE).width(64)))
            .addOperationsItem(
                new Operation(new RotateOperation().op(RotateOperation.OpEnum.ROTATE).angle(90.0)))
            .output(new PipelineOutput().format(PipelineOutput.FormatEnum.PNG));
    String sha256 = hashOf(manipulation.renderImage(photo, pipeline, null));
    var operations = new ArrayList<String>();
    for (var operation : manipulation.transformImage(photo, pipeline, null).getParameters().getOperations()) {
      if (operation.getActualInstance() instanceof CropOperation crop) operations.add(crop.getOp().getValue());
      else if (operation.getActualInstance() instanceof ResizeOperation resize)
        operations.add(resize.getOp().getValue());
      else operations.add(operation.getRotateOperation().getOp().getValue());
    }
    transcript.put("pipeline", Map.of("operations", operations, "sha256", sha256));
  }

  private void histogram(UUID photo) throws ApiException {
    var channels =
        measurement
            .getImageHistogram(photo, null, 16, null, null, null, null, null, null, null, null, null, null, null, null)
            .getChannels();
    var present = new TreeMap<String, ChannelHistogram>();
    present.put("red", channels.getRed());
    present.put("green", channels.getGreen());
    present.put("blue", channels.getBlue());
    present.put("alpha", channels.getAlpha());
    present.put("grey", channels.getGrey());
    present.put("luminance", channels.getLuminance());
    present.put("hue", channels.getHue());
    present.put("saturation", channels.getSaturation());
    present.put("value", channels.getValue());
    present.values().removeIf(channel -> channel == null);
    var red = channels.getRed();
    transcript.put(
        "histogram",
        Map.of(
            "channels", present.keySet(),
            "red_pixels", red.getPixels(),
            "red_first", red.getCounts().subList(0, 4),
            "mean", red.getMean()));
  }

  private void segmentation(UUID scan) throws ApiException {
    var request = new SegmentationRequest().method(SegmentationRequest.MethodEnum.OTSU).minArea(100);
    var artifact = measurement.segmentImage(scan, null, request);
    var segments = measurement.getSegments(artifact.getId()).getSegments();
    var rle = measurement.getSegmentsCocoRle(artifact.getId()).getAnnotations();
    var polygons = measurement.getSegmentsCocoPolygons(artifact.getId()).getAnnotations();
    transcript.put(
        "segmentation",
        Map.of(
            "kind", artifact.getKind().getValue(),
            "segments", artifact.getResult().getSegmentCount(),
            "first_area", segments.get(0).getArea(),
            "annotations", rle.size(),
            "rle", rle.get(0).getSegmentation().getCounts(),
            "polygons", polygons.get(0).getSegmentation().size()));
  }

  private void job(List<UUID> ids) throws Exception {
    var request =
        new JobRequest(
            new ResizeJobRequest()
                .operation(ResizeJobRequest.OperationEnum.RESIZE)
                .parameters(new ResizeRequest().width(100))
                .imageIds(ids));
    var job = jobs.createJob(request, "scenario");
    var repeated = jobs.createJob(request, "scenario");
    while (job.getEndedAt() == null) {
      Thread.sleep(50);
      job = jobs.getJob(job.getId());
    }
    var items = jobs.listJobItems(job.getId(), null, null, null).getItems();
    transcript.put(
        "job",
        Map.of(
            "operation", job.getOperation(),
            "state", job.getState().getValue(),
            "succeeded", job.getProgress().getSucceeded(),
            "items", items.stream().map(item -> item.getState().getValue()).toList(),
            "same", repeated.getId().equals(job.getId())));
  }

  private void imageLog() throws Exception {
    var log =
        frames.uploadImageLog(
            new File(folder, "image-log.csv"), null, null, null, null, null, null, null, "m", null, null);
    transcript.put("log", Map.of("rows", log.getRows(), "message", log.getMessage()));

    var ids = List.of(log.getId());
    var between = frames.getFrames(9000.1, 9000.5, ids, null, null, null, null, null, null, null, null);
    var page = frames.listFrames(log.getId(), null, null, null, null, null, null, null, null, null, 3);
    transcript.put(
        "frames",
        Map.of(
            "count", between.size(),
            "first_depth", between.get(0).getDepth(),
            "image_sha256", sha256(between.get(0).getImage()),
            "page", page.getItems().stream().map(Frame::getDepth).toList()));

    var picture =
        frames.getFramesPicture(
            null, null, ids, null, null, null, null, null, null, null, null, "png", 200, null);
    transcript.put("picture", Map.of("sha256", hashOf(picture)));
  }

  private void validation(UUID photo) throws Exception {
    var problem =
        problemOf(
            () ->
                manipulation.getResizedImage(
                    photo, null, null, null, null, null, "nope", null, null, null, null, null, null, null,
                    null, null, null, null, null, null, null, null, null, "none", null, null, null));
    var faults =
        problem.getErrors().stream()
            .map(fault -> List.of(fault.getLocation().getValue(), fault.getPath()))
            .sorted(Comparator.comparing((List<String> fault) -> fault.get(1)))
            .toList();
    transcript.put(
        "validation",
        Map.of("status", problem.getStatus(), "code", problem.getCode().getValue(), "faults", faults));
  }

  private interface Call {
    Object run() throws ApiException;
  }

  /** The typed problem of a call that should be refused. This client gives its text, and reads it as a model. */
  private Problem problemOf(Call call) throws IOException {
    try {
      call.run();
    } catch (ApiException refusal) {
      return client.getObjectMapper().readValue(refusal.getResponseBody(), Problem.class);
    }
    throw new IllegalStateException("The server accepted a request that it should refuse.");
  }

  /** The SHA-256 of a downloaded file, which is removed. */
  private static String hashOf(File file) throws IOException, NoSuchAlgorithmException {
    String hash = sha256(Files.readAllBytes(file.toPath()));
    Files.delete(file.toPath());
    return hash;
  }

  private static String sha256(byte[] bytes) throws NoSuchAlgorithmException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }
}
