/**
 * A secret in the configuration: written as a reference, never as the value.
 *
 * Guarantees: no way of printing, serializing, cloning or inspecting a Secret shows its value; only `reveal` does.
 * A part declares one with `password: secret()` in its options; the config room fetches the value before the part is built.
 */
import { z } from 'zod';
import { ShoalError } from './errors.js';

export type SecretReference = { readonly credential: string } | { readonly file: string };

export class Secret {
  readonly reference: SecretReference;
  #value: string | null = null;

  constructor(reference: SecretReference) {
    this.reference = reference;
  }

  /** The value. Throws CONFIG_INVALID when it was never fetched (a check without credentials). */
  reveal(): string {
    if (this.#value === null) {
      throw new ShoalError('CONFIG_INVALID', `the secret ${describeReference(this.reference)} was not read; it is needed to run`);
    }
    return this.#value;
  }

  get fetched(): boolean {
    return this.#value !== null;
  }

  /** For whoever fetches it. */
  fill(value: string): this {
    this.#value = value;
    return this;
  }

  toJSON(): SecretReference {
    return this.reference;
  }
}

export function describeReference(reference: SecretReference): string {
  return 'credential' in reference ? `credential ${reference.credential}` : `file ${reference.file}`;
}

const reference = z.union(
  [
    z.strictObject({
      credential: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/)
        .refine((name) => !/^\.+$/.test(name), 'a credential is a plain file name')
        .describe('name of a file in $CREDENTIALS_DIRECTORY (systemd LoadCredential=)'),
    }),
    z.strictObject({
      file: z
        .string()
        .regex(/^\//)
        .max(4096)
        .describe('absolute path of a file that only its owner and group can read; one newline at its end is ignored'),
    }),
  ],
  { error: 'a secret is written as { credential: NAME } or { file: /PATH }, never as the value' },
);

/** The zod type of an option that holds a secret. */
export function secret(): z.ZodType<Secret, SecretReference> {
  return reference.transform((written) => new Secret(written)).meta({ secret: true });
}
