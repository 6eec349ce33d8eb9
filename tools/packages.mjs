// Installs the Debian packages a test or benchmark uses, when a command or font of theirs is missing and we are root.
// usage: packages.mjs PACKAGE...
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const commands = {
  mosquitto: 'mosquitto',
  'mosquitto-clients': 'mosquitto_sub',
  'espeak-ng': 'espeak-ng',
  strace: 'strace',
  ffmpeg: 'ffmpeg',
  'rtsp-server-perl': 'rtsp-server-perl',
};
const fonts = {
  'fonts-dejavu-core': 'truetype/dejavu/DejaVuSerif.ttf',
  'fonts-liberation': 'truetype/liberation/LiberationSerif-Regular.ttf',
  'fonts-freefont-ttf': 'truetype/freefont/FreeSerif.ttf',
  'fonts-lato': 'truetype/lato/Lato-Regular.ttf',
  'fonts-open-sans': 'truetype/open-sans/OpenSans-Regular.ttf',
};
const places = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];
const present = (name) =>
  name in fonts ? existsSync(`/usr/share/fonts/${fonts[name]}`) : places.some((place) => existsSync(`${place}/${commands[name] ?? name}`));
const missing = process.argv.slice(2).filter((name) => !present(name));

if (missing.length > 0) {
  if (process.getuid?.() !== 0) {
    process.stderr.write(
      `shoal: missing Debian packages: ${missing.join(' ')}; install them with: sudo apt-get install ${missing.join(' ')}\n`,
    );
    process.exit(1);
  }
  process.stderr.write(`shoal: installing Debian packages: ${missing.join(' ')} ...\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const apt = (args) => spawnSync('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], { stdio: ['ignore', 'ignore', 2], env }).status;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (apt(install) !== 0 && (apt(['update']) !== 0 || apt(install) !== 0)) process.exit(1);
}
