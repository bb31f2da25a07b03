/**
 * Paths that people try who know other services (imgproxy, thumbor, IIIF), FastAPI or Spring, each with the request that it may
 * stand for here. Words are folded (`foldName`); `:name` is any segment, which the request repeats; `*` is any rest. A request is
 * only suggested if it exists. The first match counts.
 */
export const PATH_GUESSES: readonly [path: string, request: string][] = [
  // Documentation and health
  ['/redoc|swagger|swaggerui|swaggeruihtml|apidocs|documentation|doc|help|ui|api|rest', 'GET /docs'],
  ['/swagger|docs|swaggerui/indexhtml|ui|index', 'GET /docs'],
  ['/openapi|openapiyaml|openapiyml|swaggerjson|swaggeryaml|schema|spec|openapijson', 'GET /openapi.json'],
  ['/docs|swagger|api/json|openapijson|openapi|schema|swaggerjson|yaml', 'GET /openapi.json'],
  ['/v3|v2/apidocs', 'GET /openapi.json'],
  ['/health|healthz|livez|live|alive|liveness|ping|heartbeat|up', 'GET /health/live'],
  ['/readyz|ready|readiness|status|healthcheck', 'GET /health/ready'],
  ['/health/liveness|livez|healthz', 'GET /health/live'],
  ['/health/readiness|readyz|status', 'GET /health/ready'],
  ['/actuator/health', 'GET /health/ready'],
  ['/prometheus|metricsz|actuator', 'GET /metrics'],
  ['/actuator/prometheus|metrics', 'GET /metrics'],
  ['/errors|codes|problem', 'GET /problems'],

  // Images
  ['/images|image|pictures|files|artifacts/upload|uploads|new|create|add|batch|bulk', 'POST /images'],
  ['/upload|uploads/image|images|picture|photo|file|files', 'POST /images'],
  ['/uploadimage|uploadimages|uploadfile|uploadfiles|imageupload', 'POST /images'],
  ['/files|file|photos|photo|pictures|picture|media|assets|gallery', 'GET /images'],
  ['/images|artifacts/list|all|search', 'GET /images'],
  ['/results|derived|outputs|derivatives', 'GET /artifacts'],
  ['/unsafe|insecure|iiif|resize|thumbnail|thumb|crop|fetch|ipx/*', 'GET /images/{id}/resize?width=256'],
  ['/unsafe|insecure|iiif|resize|thumbnail|thumb|ipx', 'GET /images/{id}/resize?width=256'],
  [
    '/:resource/:id/download|file|raw|original|data|bytes|blob|binary|image|full|source|src',
    'GET /:resource/:id/content',
  ],
  [
    '/:resource/:id/thumbnail|thumb|thumbnails|preview|small|scale|scaled|size|fit|resized|icon',
    'GET /:resource/:id/resize?width=256',
  ],
  ['/:resource/:id/resize|thumbnail|thumb|fit|scale|size/*', 'GET /:resource/:id/resize?width=256'],
  ['/:resource/:id/cropped|cut|region', 'POST /:resource/:id/crop'],
  [
    '/:resource/:id/encode|format|save|reencode|webp|png|jpeg|jpg|avif|gif|tiff',
    'POST /:resource/:id/convert',
  ],
  ['/:resource/:id/info|infojson|metadata|meta|exif|details|properties|iptc|xmp', 'GET /:resource/:id'],
  ['/:resource/:id/delete|remove', 'DELETE /:resource/:id'],
  ['/:resource/:id/rename|update', 'PATCH /:resource/:id'],
  [
    '/:resource/:id/pipeline|process|operations|apply|edit|manipulate|filter|filters',
    'POST /:resource/:id/transform',
  ],
  ['/:resource/:id/derived|results|versions|variants', 'GET /:resource/:id/artifacts'],

  // Measurements
  ['/:resource/:id/hist|histograms|stats|statistics|colors|levels', 'GET /:resource/:id/histogram'],
  [
    '/:resource/:id/plot|chart|graph|histogramplot|histogramsvg|histogrampng',
    'GET /:resource/:id/histogram/plot',
  ],
  ['/:resource/:id/histogram/svg|png|image|chart|graph', 'GET /:resource/:id/histogram/plot'],
  [
    '/:resource/:id/segment|segments|segmented|objects|contours|components|threshold|otsu',
    'GET /:resource/:id/segmentation',
  ],
  ['/:resource/:id/mask|masks|label|labels|labelmap', 'GET /:resource/:id/segmentation/label-map'],
  ['/:resource/:id/segmentation/mask|labels|labelmap|png', 'GET /:resource/:id/segmentation/label-map'],
  ['/:resource/:id/segmentation/coco|json', 'GET /:resource/:id/segmentation/coco-rle'],
  ['/:resource/:id/coco', 'GET /:resource/:id/segmentation/coco-rle'],
  ['/:resource/:id/:form', 'GET /:resource/:id/segmentation/:form'],

  // Image logs
  ['POST /frames|framesets|logs|wells', 'POST /upload'],
  ['/uploadcsv|csv|ingest|import|uploadlog', 'POST /upload'],
  ['/upload|uploads/csv|log|logs|well|frames', 'POST /upload'],
  ['/frames|framesets|logs|wells|csv/upload|uploads|ingest|import|new', 'POST /upload'],
  ['/logs|log|wells|well|imagelogs|imagelog|datasets|dataset|framesets|sets', 'GET /frame-sets'],
  ['/logs|wells|imagelogs|datasets|sets/:id', 'GET /frame-sets/:id'],
  ['/frames/csv', 'GET /frames/export?format=csv'],
  ['/frames/ndjson|json|jsonl', 'GET /frames/export?format=ndjson'],
  ['/frames/raw|bin|binary|npy|bytes', 'GET /frames/export?format=raw'],
  ['/frames/download|exports|data|file', 'GET /frames/export'],
  ['/frames/png|image|images|render|plot|pictures|tile|jpeg|jpg|webp', 'GET /frames/picture'],
  ['/frames/list|all|search|range', 'GET /frames'],
  ['/frames/closest|at|depth', 'GET /frames/nearest?depth=9000'],
  ['/frames/:id/image|png|content|raw|download', 'GET /frames/:id/picture'],
  ['/framesets|logs|wells/:id/frames|data', 'GET /frames?frame_set_id=:id'],
  ['/framesets|logs|wells/:id/picture|image|png', 'GET /frames/picture?frame_set_id=:id'],
  ['/framesets|logs|wells/:id/export|csv|download', 'GET /frames/export?frame_set_id=:id'],
  ['/cmaps|cmap|palettes|palette|luts|colorscales', 'GET /colormaps'],
  ['/frames/colormaps|cmaps|palettes', 'GET /colormaps'],
];
