/** A Swagger UI plugin with which its filter looks into the whole text of operations, not only at the names of tags. */
export const operationSearch = () => ({
  fn: {
    opsFilter(tagged, phrase) {
      const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
      return tagged
        .map((tag) =>
          tag.update('operations', (operations) =>
            operations.filter((operation) => hasAll(operation, words)),
          ),
        )
        .filter((tag) => tag.get('operations').size > 0);
    },
  },
});

function hasAll(operation, words) {
  const details = operation.get('operation');
  const parameters = details.get('parameters');
  const text = [
    operation.get('method'),
    operation.get('path'),
    details.get('operationId'),
    details.get('summary'),
    details.get('description'),
    ...(parameters === undefined ? [] : parameters.map((parameter) => parameter.get('name'))),
  ]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
