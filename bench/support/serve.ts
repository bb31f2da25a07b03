/**
 * Makes this process one that `startWorker` started: it does what it is asked to, answers with `{result}` or `{error}`, and
 * ends with who asks.
 */
export function serve<Request, Result>(work: (request: Request) => Promise<Result>): void {
  process.on('message', (request: Request) => {
    work(request).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}
