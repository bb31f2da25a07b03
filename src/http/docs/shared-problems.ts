import { PROBLEM_MEDIA_TYPE } from '../problems/problems.ts';
import { type OpenApiDocument, operationsOf, type Response, referredName } from './openapi-schemas.ts';

/**
 * Moves the answers that are problems into `components/responses`, one for each status, with the examples of all operations. An
 * operation refers to it, and keeps the description that names its own codes.
 */
export function shareProblems(document: OpenApiDocument): void {
  const shared: Record<string, Response> = {};
  for (const { responses = {} } of operationsOf(document)) {
    for (const [status, response] of Object.entries(responses)) {
      const problem = response.content?.[PROBLEM_MEDIA_TYPE];
      if (problem === undefined) continue;
      const schema = referredName(problem.schema ?? {});
      if (schema === undefined) throw new Error('A problem refers to its schema.');
      const name = `${schema}${status}`;
      const { description = '', ...rest } = response;
      const others = shared[name]?.content?.[PROBLEM_MEDIA_TYPE]?.examples as object | undefined;
      const examples = { ...others, ...(problem.examples as object) };
      shared[name] = {
        description: '',
        ...rest,
        content: { [PROBLEM_MEDIA_TYPE]: { ...problem, examples } },
      };
      responses[status] = { $ref: `#/components/responses/${name}`, description };
    }
  }
  for (const response of Object.values(shared)) {
    const codes = Object.keys(response.content?.[PROBLEM_MEDIA_TYPE]?.examples as object);
    response.description = `A problem with one of these codes: ${codes.map((code) => `\`${code}\``).join(', ')}.`;
  }
  document.components = { ...document.components, responses: shared };
}
