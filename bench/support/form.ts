/** A form with one file. */
export function formOf(field: string, bytes: Uint8Array, filename = 'file'): FormData {
  const form = new FormData();
  form.append(field, new Blob([Uint8Array.from(bytes)]), filename);
  return form;
}
