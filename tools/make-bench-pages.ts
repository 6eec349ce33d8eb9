/**
 * Makes the pages of the benchmarks, with the text that is on them, and their photo.
 *
 * A page is 1280 x 720 pixels with ten lines. Needs the DejaVu fonts (Debian: fonts-dejavu-core); the results are
 * committed, since fonts differ between machines. The photo is samples/astronaut.png, cropped and enlarged.
 * `node dist/tools/make-bench-pages.js [FOLDER]`, default bench/data.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const folder = process.argv[2] ?? 'bench/data';
const width = 1280;
const height = 720;

interface Page {
  readonly font: string;
  readonly size: number;
  readonly paper: string;
  readonly ink: string;
  readonly lines: readonly string[];
}

const pages: readonly Page[] = [
  {
    font: 'DejaVu Sans',
    size: 34,
    paper: '#fbfaf5',
    ink: '#1b1b1b',
    lines: [
      'DELIVERY NOTE 20417',
      'Harbour Street 12, Warehouse 3',
      'Twelve boxes of hexagon bolts M8 x 40',
      'Four pallets, wrapped and labelled',
      'Gross weight 1284 kg, net weight 1190 kg',
      'Received in good condition by the night shift',
      'Temperature on arrival: 14 degrees',
      'Seal number K-88213 was not broken',
      'Please return the empty pallets on Friday',
      'Signed: M. Okafor',
    ],
  },
  {
    font: 'DejaVu Serif',
    size: 32,
    paper: '#ffffff',
    ink: '#202030',
    lines: [
      'Maintenance of the cooling pump',
      'Close both valves before opening the housing.',
      'Let the shaft come to rest, then lock the switch.',
      'Remove the six screws of the cover in turn.',
      'Check the bearing for play and for noise.',
      'Replace the seal after 4000 hours of service.',
      'Grease: lithium soap, two grams per bearing.',
      'Tighten the screws crosswise with 22 Nm.',
      'Open the valves slowly and look for leaks.',
      'Write date and name into the log book.',
    ],
  },
  {
    font: 'DejaVu Sans',
    size: 30,
    paper: '#e9eef2',
    ink: '#0b2b45',
    lines: [
      'Line 4, station 17: final inspection',
      'Order 55021-B, batch of 250 pieces',
      'Camera 2 found three scratched covers',
      'Torque of the second screw too low: 1.8 Nm',
      'Label printed twice, second one removed',
      'Colour within limits, gloss 82 units',
      'Two housings without serial number',
      'Rework finished at half past nine',
      'Yield of the morning: 98.4 percent',
      'Next calibration is due in October',
    ],
  },
  {
    font: 'DejaVu Serif',
    size: 33,
    paper: '#fffdf0',
    ink: '#333333',
    lines: [
      'Weather station on the north pier',
      'Wind from the west, five metres per second',
      'Water level 312 cm, falling since noon',
      'Visibility good, light haze over the bay',
      'The second mooring line was replaced',
      'Ferry Aurora left nine minutes late',
      'One buoy reported out of position',
      'Battery of the beacon at 12.6 volts',
      'Solar panel cleaned, cable fixed again',
      'No further events until sunset',
    ],
  },
];

async function makePage(name: string, { font, size, paper, ink, lines }: Page): Promise<void> {
  const texts = lines.map((line, index) => `<text x="${60 + 7 * (index % 3)}" y="${75 + 66 * index}">${line}</text>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${paper}"/><g fill="${ink}" font-family="${font}" font-size="${size}">${texts.join('')}</g></svg>`;
  await sharp(Buffer.from(svg))
    .flatten()
    .jpeg({ quality: 80 })
    .toFile(join(folder, `${name}.jpg`));
  writeFileSync(join(folder, `${name}.txt`), `${lines.join('\n')}\n`);
}

for (const [index, page] of pages.entries()) await makePage(`page-${index + 1}`, page);
await sharp('samples/astronaut.png')
  .flatten()
  .resize(width, height, { fit: 'cover', position: 'top' })
  .jpeg({ quality: 80 })
  .toFile(join(folder, 'photo.jpg'));
