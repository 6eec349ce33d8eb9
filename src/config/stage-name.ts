/** The name of a stage that was given none: what its task is about, `detect-text` -> `text`. */
export function defaultName(task: { readonly name: string }): string {
  return task.name.replace(/^[^-]*-/, '').replaceAll('-', '_');
}
