/** What the process of a serial line is told, and how it says why it ended. */
export interface PortPlan {
  readonly path: string;
  readonly baudRate: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 1.5 | 2;
  readonly rtscts: boolean;
}

/** Before the sentence for an operator, on the last line of its stderr. */
export const portEnd = 'shoal-port:';

export const notInstalled =
  'serial lines need the package serialport, which is not installed here: run "npm install --no-save serialport@13.0.0" where Shoal is';
