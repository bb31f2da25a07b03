/**
 * What people send who know other services (imgproxy, thumbor, IIIF, imgix), frameworks (FastAPI) and libraries (Pillow, OpenCV,
 * scikit-image, pandas), each with the names that it may stand for here, most likely first and with a note after a comma. Only a name
 * that a route accepts is suggested. Keys are folded (`foldName`). Guesses of paths are in `http/problems/path-guesses.ts`.
 */

/** Names of parameters. */
const PARAMETERS: readonly [meant: readonly string[], guesses: string][] = [
  // Boxes
  [['left'], 'x x0 xmin offsetx cropx'],
  [['top'], 'y y0 ymin offsety cropy'],
  [['width'], 'w maxwidth newwidth targetwidth tile tilesize tilegridsize gridsize'],
  [['height'], 'h maxheight newheight targetheight'],
  [['width'], 'right x1 xmax'],
  [['depth_max', 'height'], 'bottom'],
  [['height'], 'y1 ymax'],
  [['depth_min'], 'top'],
  [['region', 'box', 'left, top, width and height'], 'roi bbox rect rectangle area crop box region xywh'],
  [['aspect_ratio'], 'ratio aspect ar'],
  // Sizes and places
  [['width, in pixels'], 'scale percent pct factor zoom dpr longestside maxsize'],
  [['size', 'width', 'limit'], 'size ksize kernelsize window windowsize radius'],
  [['fit', 'method', 'mode'], 'mode resizemode resizingtype rt objectfit'],
  [['position'], 'gravity g anchor focus focalpoint align smart place'],
  [['gravity'], 'position anchor align place'],
  [['without_enlargement, its opposite'], 'enlarge el upscale allowupscale'],
  [['without_enlargement'], 'noupscale noenlarge shrinkonly'],
  [['kernel'], 'filter resample resampling interpolation sampling algorithm'],
  // Colours
  [
    ['background', 'matte', 'color'],
    'bg bgcolor backgroundcolor fill fillcolor canvascolor padcolor color matte background',
  ],
  [['color'], 'rgb hex tintcolor'],
  [['colormap'], 'cmap palette colourmap lut colors'],
  // Jobs
  [['image_ids'], 'ids images imageid inputs files'],
  [['parameters'], 'params options arguments args'],
  // Steps
  [['sigma'], 'blurradius radius strength amount stddev std blur sd'],
  [['angle'], 'degrees degree deg rotation rotate theta'],
  [['max_slope'], 'cliplimit clip contrastlimit'],
  [['value', 'threshold', 'level'], 'thresh threshold level cutoff t limit value'],
  [['tolerance', 'threshold'], 'tolerance fuzz distance delta'],
  [['overlay'], 'image imageid artifactid watermark watermarkid source src'],
  [['opacity'], 'alpha transparency'],
  [['blend'], 'mode blendmode'],
  [['top'], 'padding border margin pad'],
  [['exponent', 'gamma'], 'gamma exponent'],
  // Encoding and reading
  [['quality', 'percentiles', 'name_contains'], 'q'],
  [['quality'], 'jpegquality webpquality compressionquality'],
  [['format'], 'f fm fmt ext extension type output outputformat mimetype'],
  [['compression_level'], 'compresslevel zlevel compression pngcompression'],
  [['colors'], 'ncolors numcolors palettesize maxcolors colours'],
  [['effort'], 'speed optimize reductioneffort'],
  [['progressive'], 'interlace interlaced progressivejpeg'],
  [['chroma_subsampling'], 'subsampling chroma'],
  [['keep_metadata, its opposite'], 'strip stripmetadata sm'],
  [['keep_metadata'], 'exif metadata keepexif preservemetadata withmetadata'],
  [['color_profile'], 'icc profile colorspace iccprofile scp'],
  [['auto_orient'], 'autorotate autorot exiforientation orient exiftranspose'],
  [['page'], 'frame pagenumber index pg'],
  [['strict'], 'lenient ignore ignoreunknown'],
  // Histograms
  [['bins'], 'nbins numbins bincount buckets histsize binsize'],
  [['level_range'], 'range ranges hrange'],
  [['edges'], 'breaks boundaries binedges'],
  [['normalize'], 'density normed norm normalise'],
  [['channels', 'channel'], 'channel channels band bands'],
  [['percentiles'], 'percentile quantiles quantile'],
  [['mask'], 'maskid'],
  // Segmentation
  [['method'], 'algorithm algo type segmenter'],
  [['clusters', 'classes'], 'k nclusters numclusters classes clusters nclasses n'],
  [['block_size'], 'block window windowsize'],
  [['offset'], 'c constant'],
  [['min_area'], 'minsize areamin smallest'],
  [['max_segments'], 'maxobjects limit'],
  [['point'], 'seedpoint seed'],
  [['iterations', 'max_iterations'], 'iters niter iter itercount maxiter iterations'],
  [['open'], 'opening erosion erode'],
  [['close'], 'closing dilation dilate'],
  [['fill_holes'], 'holes fill'],
  // Image logs
  [['depth_min'], 'depthfrom start from startdepth depthstart min mindepth lo'],
  [['depth_max'], 'depthto stop end to enddepth stopdepth depthend depthstop max maxdepth hi'],
  [['frame_set_id'], 'well wellid log logid frameset set setid dataset fileid'],
  [['normalization'], 'normalize normalise norm stretch scaling'],
  [['delimiter'], 'sep separator delim'],
  [['null_values'], 'na navalues nan null nodata nullvalue missing'],
  [['depth_unit'], 'unit units'],
  [['on_error'], 'errors onbadlines skiperrors'],
  [['force'], 'overwrite replace'],
  [['name', 'filename'], 'title label name search q query namecontains contains'],
  [['depth'], 'at d md z depthat target value position'],
  [['depth_min'], 'depth'],
  [['depth_column'], 'depthcol indexcol index depthname'],
  [['file', 'files'], 'csv data upload attachment image images picture photo'],
  // Lists
  [['cursor'], 'page offset skip pagetoken next nexttoken continuation startingafter marker startindex'],
  [['limit'], 'perpage pagesize count n maxresults max first take rows size top'],
  [['name_contains'], 'search query name filename contains'],
  [['uploaded_after', 'created_after'], 'since after from createdafter uploadedafter start'],
  [['uploaded_before', 'created_before'], 'until before to createdbefore uploadedbefore end'],
  [['kind'], 'type'],
  [['sort', 'order'], 'sortby orderby ordering order sort direction'],
  [['include_gps'], 'gps exif location'],
  [['download'], 'attachment dl'],
];

/** Values of parameters that have a list of choices. */
const VALUES: readonly [meant: readonly string[], guesses: string][] = [
  // Fits, places and kernels
  [['cover'], 'crop fillcrop clip'],
  [['fill'], 'stretch force exact distort scale ignore'],
  [['contain'], 'pad letterbox'],
  [['inside'], 'max limit fit thumbnail scaledown'],
  [['outside'], 'min'],
  [['attention'], 'smart auto focal face faces'],
  [['north'], 'top'],
  [['south'], 'bottom'],
  [['west'], 'left'],
  [['east'], 'right'],
  [['northwest'], 'topleft lefttop nw'],
  [['northeast'], 'topright righttop ne'],
  [['southwest'], 'bottomleft leftbottom sw'],
  [['southeast'], 'bottomright rightbottom se'],
  [['center'], 'middle ce'],
  [['linear'], 'bilinear'],
  [['cubic'], 'bicubic'],
  [['lanczos3'], 'lanczos antialias'],
  [['nearest'], 'neighbor neighbour nearestneighbor nn'],
  [['area'], 'box average mean'],
  // Operations
  [['resize'], 'thumbnail scale fit zoom'],
  [['rotate'], 'rotation turn rot90 orient'],
  [['grayscale'], 'grey gray bw blackandwhite monochrome desaturate'],
  [['negate'], 'invert inverse'],
  [['flop'], 'mirror fliphorizontal hflip flipleftright'],
  [['flip'], 'vflip flipvertical fliptopbottom'],
  [['modulate'], 'brightness saturation hue saturate'],
  [['normalize'], 'contrast autocontrast autolevel autolevels equalize'],
  [['clahe'], 'adaptiveequalize localcontrast equalizeadapthist'],
  [['sharpen'], 'unsharp unsharpmask sharpness'],
  [['blur'], 'gaussian gaussianblur'],
  [['composite'], 'watermark overlay paste blend merge'],
  [['extend'], 'pad padding border frame canvas expand'],
  [['flatten'], 'background removealpha'],
  [['trim'], 'autocrop'],
  [['threshold'], 'binarize binary thresh bilevel adaptive adaptivethreshold'],
  [['tint'], 'colorize sepia'],
  [['median'], 'medianblur denoise despeckle'],
  [['convert'], 'encode format save output'],
  // Others
  [['deflate'], 'zip zlib adobedeflate'],
  [['keep'], 'preserve embed original'],
  [['ndjson'], 'json jsonl jsonlines'],
  [['csv'], 'txt excel xlsx tsv'],
  [['raw'], 'binary bytes bin'],
  [['static'], 'minmax global'],
  [['dynamic'], 'local rolling'],
  [['none'], 'off no'],
  [['tab'], 'tsv'],
  [['skip'], 'ignore drop warn'],
  [['fail'], 'raise error abort'],
  [['-created_at'], 'date newest latest desc createdatdesc'],
  [['created_at'], 'oldest asc createdatasc'],
  [['filename'], 'name'],
  [['depth'], 'md dept'],
  [['red'], 'r'],
  [['green'], 'g'],
  [['blue'], 'b'],
  [['alpha'], 'a transparency'],
  [['luminance'], 'l y luma lightness brightness'],
  [['hue'], 'h'],
  [['saturation'], 's'],
  [['value'], 'v'],
  [['lab'], 'cielab'],
  [['log'], 'logarithmic'],
  [['turbo'], 'jet rainbow hsv'],
  [['inferno'], 'hot plasma'],
  [['mask'], 'segmentation labels'],
  [['picture'], 'image resize'],
];

function byGuess(table: readonly [readonly string[], string][]): ReadonlyMap<string, readonly string[]> {
  const known = new Map<string, readonly string[]>();
  for (const [meant, guesses] of table) {
    for (const guess of guesses.split(' ')) known.set(guess, [...(known.get(guess) ?? []), ...meant]);
  }
  return known;
}

/** The parameters that each guess may stand for. */
export const PARAMETER_GUESSES = byGuess(PARAMETERS);

/** The choices that each guess may stand for. */
export const VALUE_GUESSES = byGuess(VALUES);
