/**
 * Children of a test start as they do in the field. The test runner otherwise puts a loader of its own into the
 * environment of every child, which costs a second each and would hide what environment they get from us.
 */
const spawnHook = Symbol.for('process-on-spawn@*:singletonId');

/** Call before anything is spawned. */
export function bareSpawn(): void {
  const hook = (globalThis as { [spawnHook]?: { listeners: unknown[] } })[spawnHook];
  if (hook !== undefined) hook.listeners = [];
}
