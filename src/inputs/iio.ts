/**
 * A device of the kernel's Industrial I/O: accelerometers, gyroscopes, converters, pressure, humidity, light.
 *
 * Guarantees: the device goes by its name (`lsm6dsl_accel`), its label or where it hangs (`1-006a`), not by its number, which changes at boot. Values are
 * (raw + offset) x scale, or `_input` as it is (Documentation/ABI/testing/sysfs-bus-iio), and then in base units: m/s², rad/s, V, A, W, °C, Pa, %, T;
 * what the ABI gives no unit stays as it is. Scale and offset are read once, when the device is found: change them and restart. Deliberately polled:
 * no trigger, no buffer, and nothing is written to the device. A board's `sampling_frequency` is set by the system.
 */
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import type { InputKind } from '../core/contracts.js';
import { attributeOr, chooseDevice, type Device, entriesOf, readNumber, unlike } from './sysfs/attribute.js';
import { PolledInput } from './sysfs/polled-input.js';
import { type Channel, explainSensor, type Sensor, sensorFields } from './sysfs/sensor.js';

const iioOptions = z
  .strictObject({
    device: z
      .string()
      .min(1)
      .max(128)
      .describe('the device by its name, as in lsm6dsl_accel; where several have one, by its label or by where it hangs, as in 1-006a'),
    ...sensorFields,
  })
  .superRefine((options, context) => {
    const mistake = explainSensor(options);
    if (mistake !== null) context.addIssue({ code: 'custom', path: mistake.path, message: mistake.message });
  });

type IioOptions = z.output<typeof iioOptions>;

export const iioInput: InputKind<IioOptions> = {
  type: 'iio',
  options: iioOptions,
  create: (name, options, context) => new PolledInput(name, options, context, () => findDevice(options)),
};

/** From the unit of the ABI to the base unit, where they differ: mV, mA, mW, m°C, m%, kPa, nF, gauss. */
const toBase: Readonly<Record<string, number>> = {
  voltage: 1e-3,
  altvoltage: 1e-3,
  current: 1e-3,
  altcurrent: 1e-3,
  power: 1e-3,
  temp: 1e-3,
  humidityrelative: 1e-3,
  positionrelative: 1e-3,
  pressure: 1e3,
  capacitance: 1e-9,
  magn: 1e-4,
};

const attribute = /^in_(.+)_(raw|input)$/;

async function findDevice({ root, device }: IioOptions): Promise<Sensor> {
  const folder = `${root}/bus/iio/devices`;
  const devices = await Promise.all((await entriesOf(folder, /^iio:device\d+$/)).map((entry) => deviceAt(`${folder}/${entry}`)));
  const { folder: at } = chooseDevice(devices, device, 'IIO device');
  const files = await entriesOf(at, attribute);
  const channels: Channel[] = [];
  for (const file of files) {
    const [, name = '', what] = attribute.exec(file) ?? [];
    // A processed value beside a raw one is the same one twice.
    if (what === 'raw' && files.includes(`in_${name}_input`)) continue;
    channels.push(await channelAt(at, name, what === 'raw'));
  }
  const names = unlike(channels.map(({ name }) => name));
  return { name: device, channels: channels.map((channel, i) => ({ ...channel, name: names[i] ?? '' })) };
}

/** `name` is a type, an index or a modifier: voltage0, accel_x, voltage0-voltage1. */
async function channelAt(folder: string, name: string, raw: boolean): Promise<Channel> {
  const [type = ''] = /^[a-z]+/.exec(name) ?? [];
  const factor = toBase[type] ?? 1;
  const label = (await attributeOr(`${folder}/in_${name}_label`))?.slice(0, 60) ?? name;
  if (!raw) return { name: label, read: async () => (await readNumber(`${folder}/in_${name}_input`)) * factor };
  const [scale, offset] = await Promise.all([shared(folder, name, type, 'scale', 1), shared(folder, name, type, 'offset', 0)]);
  return { name: label, read: async () => ((await readNumber(`${folder}/in_${name}_raw`)) + offset) * scale * factor };
}

/** An attribute of the channel, or of all of its type. Where it is there and cannot be read, that is no default. */
async function shared(folder: string, name: string, type: string, what: 'scale' | 'offset', otherwise: number): Promise<number> {
  const present = await entriesOf(folder, new RegExp(`_${what}$`));
  const file = [`in_${name}_${what}`, `in_${type}_${what}`].find((each) => present.includes(each));
  return file === undefined ? otherwise : readNumber(`${folder}/${file}`);
}

async function deviceAt(folder: string): Promise<Device> {
  const [name, label, parent] = await Promise.all([
    attributeOr(`${folder}/name`),
    attributeOr(`${folder}/label`),
    realpath(folder).then(
      (path) => basename(dirname(path)),
      () => null,
    ),
  ]);
  return { folder, names: [name ?? basename(folder), label, parent].filter((each) => each !== null) };
}
