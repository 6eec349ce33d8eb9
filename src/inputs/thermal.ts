/**
 * Thermal zones of the kernel: temperatures of the processor, the power chip, the board, in °C.
 *
 * Guarantees: zones go by their type (`cpu-thermal`), not by their number; several of one type are told apart by a number behind it. A zone that cannot
 * be read while it is looked for (a radio that sleeps) is left out. Millidegrees Celsius as in Documentation/ABI/testing/sysfs-class-thermal.
 */
import { z } from 'zod';
import type { InputKind } from '../core/contracts.js';
import { attributeOr, entriesOf, readNumber, unlike } from './sysfs/attribute.js';
import { PolledInput } from './sysfs/polled-input.js';
import { explainSensor, type Sensor, sensorFields } from './sysfs/sensor.js';

const thermalOptions = z.strictObject(sensorFields).superRefine((options, context) => {
  const mistake = explainSensor(options);
  if (mistake !== null) context.addIssue({ code: 'custom', path: mistake.path, message: mistake.message });
});

type ThermalOptions = z.output<typeof thermalOptions>;

export const thermalInput: InputKind<ThermalOptions> = {
  type: 'thermal',
  options: thermalOptions,
  create: (name, options, context) => new PolledInput(name, options, context, () => findZones(options.root)),
};

async function findZones(root: string): Promise<Sensor> {
  const folder = `${root}/class/thermal`;
  const zones: { readonly type: string; readonly path: string }[] = [];
  for (const entry of await entriesOf(folder, /^thermal_zone\d+$/)) {
    const path = `${folder}/${entry}/temp`;
    const type = (await attributeOr(`${folder}/${entry}/type`)) ?? entry;
    const readable = await readNumber(path).then(
      () => true,
      () => false,
    );
    if (readable) zones.push({ type: type.slice(0, 60), path });
  }
  if (zones.length === 0) throw new Error(`there is no thermal zone that can be read under ${folder}`);
  const names = unlike(zones.map(({ type }) => type));
  const channels = zones.map(({ path }, i) => ({ name: names[i] ?? '', read: async () => (await readNumber(path)) / 1000 }));
  return { name: 'thermal zones', channels };
}
