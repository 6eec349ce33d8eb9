/**
 * A tree like the kernel's sysfs, in a folder: devices where they hang, and links to them where they are looked for.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

type Attributes = Readonly<Record<string, string | number>>;

export class FakeSysfs {
  readonly root = join(mkdtempSync(join(tmpdir(), 'sysfs-')), 'sys');

  constructor() {
    mkdirSync(this.root);
  }

  /** `link` below the root leads to a device at `place` below devices/. */
  add(link: string, place: string, attributes: Attributes): void {
    const folder = join(this.root, 'devices', place);
    mkdirSync(folder, { recursive: true });
    this.write(`devices/${place}`, attributes);
    mkdirSync(dirname(join(this.root, link)), { recursive: true });
    symlinkSync(folder, join(this.root, link));
    // As the kernel has it for a device of a class: to what it hangs on.
    symlinkSync('..', join(folder, 'device'));
  }

  write(at: string, attributes: Attributes): void {
    for (const [name, value] of Object.entries(attributes)) writeFileSync(join(this.root, at, name), `${value}\n`);
  }

  /** Reading it answers EIO, as where a chip on a bus does not. The kernel's own: nothing is mapped at the first byte of a process. */
  fail(at: string, name: string): void {
    const file = join(this.root, at, name);
    rmSync(file);
    symlinkSync('/proc/self/mem', file);
  }

  /** As when a bus is unplugged: all of it, at once. */
  async unplug(): Promise<void> {
    renameSync(this.root, `${this.root}-away`);
    mkdirSync(this.root);
  }

  async plug(): Promise<void> {
    rmSync(this.root, { recursive: true });
    renameSync(`${this.root}-away`, this.root);
  }

  /** The number a device is given changes at boot. */
  renumber(from: string, to: string): void {
    renameSync(join(this.root, from), join(this.root, to));
  }
}
