/** Something about a model that whoever installs it should know. */
export interface Finding {
  /** A warning may keep it from running, or running well; a note is worth knowing. */
  readonly level: 'warning' | 'note';
  /** Stable, for scripts. */
  readonly code: string;
  /** What was found and what to do. Names in it come from the file, unescaped. */
  readonly message: string;
}

const warning = (code: string, message: string): Finding => ({ level: 'warning', code, message });
const note = (code: string, message: string): Finding => ({ level: 'note', code, message });

/** Counts names and keeps the first few, so that a report of a hostile file stays short. */
export class Names {
  count = 0;
  readonly #first: string[] = [];

  add(name: string): void {
    this.count++;
    if (this.#first.length < 3) this.#first.push(name.length > 60 ? `${name.slice(0, 57)}...` : name);
  }

  toString(): string {
    const names = this.#first.map((name) => `"${name}"`).join(', ');
    return this.count > this.#first.length ? `${names} and ${this.count - this.#first.length} more` : names;
  }
}

export const findings = { warning, note };
