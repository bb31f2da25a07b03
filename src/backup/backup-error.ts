/** A backup cannot be made, read or restored. The message says why, names the file or table, and says how to proceed. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}
