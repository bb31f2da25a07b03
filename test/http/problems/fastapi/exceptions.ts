/** Requests whose faults this service places otherwise than FastAPI, by what is wrong with them, with the reason. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  'a wrong UUID among the items':
    'The client wrote one value and no list, so the place is that of the parameter. With several values, it is that of the item.',
  'a wrong content type': 'The header is at fault, not the body, which is not read.',
  'nothing to change':
    'No member is required; at least one is. The fault is that of the whole body, and its message names the members.',
  'a wrong field and a wrong query':
    'The body is not read after a wrong query, so that no large file is transferred in vain.',
};
