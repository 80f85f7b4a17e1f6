const LONGEST_MS = 10_000;

/** Return how long to wait before try number `tries` + 1: by chance, so that not everybody comes back at once. */
export function backoff(tries: number): number {
  return Math.random() * Math.min(LONGEST_MS, 500 * 2 ** tries);
}

export function wait(tries: number, atLeastSeconds = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, atLeastSeconds * 1_000 + backoff(tries)));
}
