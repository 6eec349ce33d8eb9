/** The flow of `sensors` as a few lines on mqtt.js: `sensors-bare-child.js URL`. Windows of 20 of each sensor, told where their mean is above 50. */
import mqtt from 'mqtt';
import { windowSamples } from './sensor-traffic.js';

interface Reading {
  readonly sensor: string;
  readonly value: number;
  readonly t: number;
}

const client = await mqtt.connectAsync(process.argv[2] ?? '');
const windows = new Map<string, number[]>();
client.on('message', (_topic, payload) => {
  const { sensor, value, t } = JSON.parse(payload.toString()) as Reading;
  const window = windows.get(sensor) ?? [];
  windows.set(sensor, window);
  window.push(value);
  if (window.length < windowSamples) return;
  const mean = window.reduce((sum, each) => sum + each, 0) / window.length;
  window.length = 0;
  if (mean > 50) client.publish(`out/${sensor}`, JSON.stringify({ sensor, mean, t }));
});
await client.subscribeAsync('in/#');
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
