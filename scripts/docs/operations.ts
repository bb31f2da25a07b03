import { KindGuard, type TProperties } from '@sinclair/typebox';
import {
  OPERATION_NAMES,
  OPERATIONS,
  type OperationName,
} from '../../src/manipulation/operations/registry.ts';
import { OUTPUT_PROPERTIES } from '../../src/manipulation/output.ts';
import { ConvertSchema, InputSchema } from '../../src/manipulation/pipeline.ts';
import { code, GENERATED, table, valuesOf } from './markdown.ts';

function parameters(properties: TProperties): string {
  const rows = Object.entries(properties).map(([name, schema]) => {
    const isRequired = schema.default === undefined && !KindGuard.IsOptional(schema);
    const fallback = schema.default === undefined ? '' : code(schema.default);
    return [code(name), valuesOf(schema), isRequired ? 'required' : fallback, schema.description ?? ''];
  });
  return rows.length === 0
    ? 'No parameters.'
    : table(['parameter', 'values', 'default', 'description'], rows);
}

function animation(name: OperationName): string {
  const { animated, needsStill } = OPERATIONS[name];
  if (!animated) return 'Needs a still picture: choose a page of an animation with `page`.';
  return needsStill
    ? 'Keeps animations, except with the positions `attention` and `entropy`, which need one page: choose it with `page`.'
    : 'Keeps animations.';
}

function section(name: OperationName): string {
  const { summary, description, params } = OPERATIONS[name];
  const about = `${summary} ${description}`.trim();
  return `### ${name}\n\n${about}\n\n${animation(name)}\n\n${parameters(params.properties)}`;
}

/** `docs/operations.md`: all operations on pictures. */
export function operationsPage(): string {
  return `# Operations on pictures

${GENERATED}

\`POST /images/{id}/transform\` applies a list of operations, one after the other, exactly in the given order:

\`\`\`json
{
  "operations": [
    { "op": "crop", "aspect_ratio": "1:1", "position": "attention" },
    { "op": "resize", "width": 256 },
    { "op": "sharpen" }
  ],
  "output": { "format": "webp", "quality": 80 }
}
\`\`\`

This makes an artifact and returns it. \`POST /images/{id}/render\` takes the same body and returns the picture itself.

\`/resize\`, \`/crop\` and \`/convert\` are transforms with one step. They take the parameters of the operation, the input and the
output side by side, with the same names in the body of a \`POST\` and in the query of a \`GET\`:
\`{"width": 300, "format": "webp", "quality": 80}\` and \`?width=300&format=webp&quality=80\` make the same artifact. \`POST\`
returns the artifact, \`GET\` the picture. All routes also work on artifacts: \`/artifacts/{id}/…\`.

A default that does not fit the picture is adapted to it: \`clahe\` has a window of 64 pixels, or of the whole side if the
picture is smaller. A given value that does not fit is refused. \`parameters\` of an artifact hold such a default only if it was
given, so they do not depend on the size of the picture.

Animated GIF and WebP stay animated with the same timeline if every operation keeps animations. Otherwise the response is 422
and names the operation.

## Input

${parameters(InputSchema.properties)}

## Operations

${OPERATION_NAMES.map(section).join('\n\n')}

### convert

${ConvertSchema.description}

## Output

An option that the format does not support is refused. With \`strict=false\`, beside the other parameters or at the top of a
pipeline, it is dropped instead, so that one request suits pictures of several formats: \`quality\` counts for JPEG and not for
PNG. The header \`X-Ignored-Parameters\` and the field \`ignored\` of an artifact name what was dropped. The result is the
artifact of the request without these options. Wrong values are refused in any case. Results have 8 bits per channel.

${parameters(OUTPUT_PROPERTIES)}
`;
}
