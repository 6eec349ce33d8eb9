/** What the process of a serial line is told, and how it says why it ended. */
export interface PortPlan {
  readonly path: string;
  readonly baudRate: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 1.5 | 2;
  readonly rtscts: boolean;
}

/** The first word of its last line. `missing`: the package. */
export type PortEnd = 'missing' | 'gone' | 'forbidden' | 'busy' | 'closed' | 'failed';
