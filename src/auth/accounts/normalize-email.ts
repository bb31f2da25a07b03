/** One address has one form, so that two users cannot have addresses that look alike. */
export function normalizeEmail(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase();
}
