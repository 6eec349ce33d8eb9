/**
 * A chip of hardware monitoring: voltages, temperatures, fans, currents, powers as the kernel tells them.
 *
 * Guarantees: the chip goes by its name (`cpu_thermal`, `nct6775`, `ina226`), not by its number, which changes at boot; channels by their label where the
 * driver gives one, else as the kernel calls them (`temp1`). Values are in V, °C, rpm, A, W, J, % and Hz (Documentation/hwmon/sysfs-interface.rst).
 * An attribute that cannot be read while the chip is looked for is left out.
 */
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import type { InputKind } from '../core/contracts.js';
import { attributeOr, chooseDevice, type Device, entriesOf, readNumber, unlike } from './sysfs/attribute.js';
import { PolledInput } from './sysfs/polled-input.js';
import { explainSensor, type Sensor, sensorFields } from './sysfs/sensor.js';

const hwmonOptions = z
  .strictObject({
    device: z
      .string()
      .min(1)
      .max(128)
      .describe('the chip by its name, as in nct6775; where several have one, by its label or by the device it hangs on, as in 1-0040'),
    ...sensorFields,
  })
  .superRefine((options, context) => {
    const mistake = explainSensor(options);
    if (mistake !== null) context.addIssue({ code: 'custom', path: mistake.path, message: mistake.message });
  });

type HwmonOptions = z.output<typeof hwmonOptions>;

export const hwmonInput: InputKind<HwmonOptions> = {
  type: 'hwmon',
  options: hwmonOptions,
  create: (name, options, context) => new PolledInput(name, options, context, () => findChip(options)),
};

/** What the kernel's number is multiplied with. */
const toUnit: Readonly<Record<string, number>> = {
  in: 1e-3,
  temp: 1e-3,
  fan: 1,
  curr: 1e-3,
  power: 1e-6,
  energy: 1e-6,
  humidity: 1e-3,
  freq: 1,
};

const attribute = /^(in|temp|fan|curr|power|energy|humidity|freq)(\d+)_(input|average)$/;

async function findChip({ root, device }: HwmonOptions): Promise<Sensor> {
  const folder = `${root}/class/hwmon`;
  const chips = await Promise.all((await entriesOf(folder, /^hwmon\d+$/)).map((entry) => chipAt(`${folder}/${entry}`)));
  const chip = chooseDevice(chips, device, 'hwmon chip');
  const found: { readonly name: string; readonly path: string; readonly factor: number }[] = [];
  const files = await entriesOf(chip.folder, attribute);
  for (const file of files) {
    const [, kind = '', number = '', what] = attribute.exec(file) ?? [];
    const path = `${chip.folder}/${file}`;
    if (what === 'average' && files.includes(`${kind}${number}_input`)) continue;
    const readable = await readNumber(path).then(
      () => true,
      () => false,
    );
    if (!readable) continue;
    const name = (await attributeOr(`${chip.folder}/${kind}${number}_label`)) ?? `${kind}${number}`;
    found.push({ name: name.slice(0, 60), path, factor: toUnit[kind] ?? 1 });
  }
  const names = unlike(found.map(({ name }) => name));
  const channels = found.map(({ path, factor }, i) => ({ name: names[i] ?? '', read: async () => (await readNumber(path)) * factor }));
  return { name: device, channels };
}

async function chipAt(folder: string): Promise<Device> {
  const [name, label, parent] = await Promise.all([
    attributeOr(`${folder}/name`),
    attributeOr(`${folder}/label`),
    realpath(`${folder}/device`).then(basename, () => null),
  ]);
  return { folder, names: [name ?? basename(folder), label, parent].filter((each) => each !== null) };
}
