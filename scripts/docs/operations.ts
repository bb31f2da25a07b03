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
  return rows.length === 0 ? 'No parameters.' : table(['parameter', 'values', 'default', 'what'], rows);
}

function animation(name: OperationName): string {
  const { animated, needsStill } = OPERATIONS[name];
  if (!animated) return 'Needs a still picture: choose a frame of an animation by `page`.';
  return needsStill
    ? 'Keeps animations, but for the parameters that look at one picture; there, choose a frame by `page`.'
    : 'Keeps animations.';
}

function section(name: OperationName): string {
  const { summary, description, params } = OPERATIONS[name];
  const about = `${summary} ${description}`.trim();
  return `### ${name}\n\n${about}\n\n${animation(name)}\n\n${parameters(params.properties)}`;
}

/** `docs/operations.md`: what can be done with a picture. */
export function operationsPage(): string {
  return `# Operations on pictures

${GENERATED}

\`POST /images/{id}/transform\` does a list of operations, one after the other, exactly in the order that is given:

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

\`POST\` makes an artifact and answers with it. \`POST /images/{id}/render\` takes the same body and answers with the picture
itself.

\`/resize\`, \`/crop\` and \`/convert\` are transforms with one step. They take the parameters of the operation, of the input and of
the output side by side, with the same names in the body of a \`POST\` and in the query of a \`GET\`:
\`{"width": 300, "format": "webp", "quality": 80}\` and \`?width=300&format=webp&quality=80\` are the same artifact. \`POST\` answers with
the artifact, \`GET\` with the picture. All of it works on artifacts as on images: \`/artifacts/{id}/…\`.

Animated GIF and WebP stay animated with the same timeline where every operation keeps animations; otherwise the answer is
422 and names the operation.

## Input

${parameters(InputSchema.properties)}

## Operations

${OPERATION_NAMES.map(section).join('\n\n')}

### convert

${ConvertSchema.description}

## Output

An option that the format does not take is refused. Results have 8 bits a channel.

${parameters(OUTPUT_PROPERTIES)}
`;
}
