// npm links the commands of dependencies, not a checkout's own: with this, "npx --no-install shoal" runs in a checkout.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';

if (existsSync('node_modules')) {
  mkdirSync('node_modules/.bin', { recursive: true });
  rmSync('node_modules/.bin/shoal', { force: true });
  symlinkSync('../../bin/shoal', 'node_modules/.bin/shoal');
}
