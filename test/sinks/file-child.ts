/** A process that delivers numbered payloads to a file sink until it is killed, and tells each acknowledged number on stdout. */
import { writeSync } from 'node:fs';
import { FileSink, fileSinkOptions } from '../../src/sinks/file.js';
import { delivery, sinkContext } from './file-support.js';

// A file size limit shall show as an error of the write, not as a death.
process.on('SIGXFSZ', () => {});

const [path = '', from = '0'] = process.argv.slice(2);
const sink = new FileSink('disk', fileSinkOptions.parse({ path }), sinkContext());
await sink.start();
let next = Number(from);

async function hand(): Promise<void> {
  for (;;) {
    const number = next++;
    await sink.deliver(delivery(number));
    writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, hand));
