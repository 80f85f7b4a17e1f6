import { readFile } from "node:fs/promises";

/** There is no other token than the one that the API has refused. */
export class NoToken extends Error {}

/** Where tokens come from: here a file, in a frontend whatever renews its access token. */
export class TokenFile {
  private last = "";
  private refused: string | undefined;

  constructor(private readonly path: string) {}

  /** Return a token that has not been refused yet, or throw NoToken. */
  async current(): Promise<string> {
    this.last = (await readFile(this.path, "utf8")).trim();
    if (this.last === this.refused) throw new NoToken(`The token in ${this.path} is no longer in force.`);
    return this.last;
  }

  /** Say that the API has refused the token that was given out last. */
  refuse(): void {
    this.refused = this.last;
  }
}
