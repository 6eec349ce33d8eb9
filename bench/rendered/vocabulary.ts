/**
 * The words of rendered text: two lists without a common word, one to judge models by and one to calibrate them with.
 *
 * Words as they stand on labels, notes, displays and documents, and the shapes that digits take between them.
 */
import type { Random } from './random.js';

export interface Vocabulary {
  readonly words: readonly string[];
  readonly units: readonly string[];
  readonly codes: readonly string[];
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const judged: Vocabulary = {
  words: words(`
    pressure valve alarm pump flow batch serial order invoice receipt weight label pallet bearing housing screw torque seal
    grease shaft motor speed warning danger closed open ready stopped running failed please return before after between under
    morning evening Monday Thursday March October winter harbour street bridge station platform ferry warehouse office
    Aurora Okafor Jensen Marquez Whitfield Nakamura quickly slowly carefully broken clean empty full heavy light yellow black
    white copper rubber ceramic hydraulic electric manual automatic calibration inspection maintenance certificate warranty
    voltage current resistance frequency temperature humidity level depth height width length volume density visibility
    the of and with for from until without every second third next last best left right upper lower inner outer
    customer supplier driver operator engineer manager visitor signature date time page number total price discount tax
    water coffee bread butter apple sugar salt paper glass metal plastic wood box bottle bag tray shelf door window gate
    quality quantity schedule delivery express standard fragile recycle keep dry handle store ship receive inspect confirm
    question answer because although however therefore example figure table chapter section appendix reference index
    jump zebra wizard quartz oxygen lynx vivid jazz fuzzy pixel kayak sphinx rhythm hymn gypsum waltz buzz
  `),
  units: ['kg', 'mm', 'V', 'bar', 'rpm', 'kWh', 'm/s', '%', 'Nm', 'l/min', 'dB', 'A', 'Hz', 'km'],
  codes: ['SN', 'K', 'PO', 'E', 'LOT', 'QX', 'M8', 'REV', 'ID', 'Z'],
};

export const calibrating: Vocabulary = {
  words: words(`
    engine filter cable switch sensor relay fuse lamp button display panel cabinet drawer ladder bucket hammer wrench drill
    nozzle hose clamp spring washer gasket piston cylinder boiler furnace chimney roof wall floor ceiling garden river lake
    mountain forest village market school hospital library museum theatre airport terminal ticket passport luggage hotel
    Tuesday Friday Sunday January April August summer autumn Baltimore Kowalski Fernandez Lindqvist Adeyemi Thompson
    always never often seldom perhaps almost enough several many few each other such only about above across against along
    cheese honey orange lemon pepper garlic onion potato rice noodle chicken salmon flour yeast vanilla cinnamon chocolate
    green purple silver bronze velvet cotton linen leather marble granite asphalt concrete aluminium titanium carbon
    insert remove push pull press hold turn slide lift raise connect disconnect replace adjust measure record report approve
    account balance credit debit payment transfer deposit interest insurance contract agreement paragraph clause article
    doctor nurse teacher pilot sailor farmer baker carpenter plumber painter tailor journalist secretary director witness
    science history music physics chemistry biology geography language grammar spelling dictionary alphabet sentence
    exact maximum juxtapose equinox boxing dizzy puzzle quiver jackpot whiskey voyage byway myth glyph crypt
  `),
  units: ['g', 'cm', 'kW', 'mA', 'psi', 'ml', 'km/h', 'Pa', 'kHz', 'MB', 'lb', 's', 'in', 'ppm'],
  codes: ['No', 'REF', 'C', 'BX', 'TYPE', 'F', 'A4', 'GX', 'VAT', 'R'],
};

const digits = (random: Random, count: number): string => Array.from({ length: count }, () => random.whole(0, 9)).join('');
const two = (value: number): string => String(value).padStart(2, '0');

/** What digits look like between words. */
const numbers: readonly ((random: Random, vocabulary: Vocabulary) => string)[] = [
  (random, { units }) => `${random.whole(0, 999)}.${random.whole(0, 9)} ${random.pick(units)}`,
  (random, { units }) => `${random.whole(1, 4000)}${random.pick(units)}`,
  (random, { codes }) => `${random.pick(codes)}-${digits(random, random.whole(2, 6))}`,
  (random, { codes }) => `${random.pick(codes)}:${digits(random, 5)}/${random.pick(['A', 'B', 'C', 'X'])}`,
  (random) => `${random.whole(1990, 2035)}-${two(random.whole(1, 12))}-${two(random.whole(1, 28))}`,
  (random) => `${two(random.whole(1, 28))}.${two(random.whole(1, 12))}.${random.whole(1990, 2035)}`,
  (random) => `${two(random.whole(0, 23))}:${two(random.whole(0, 59))}`,
  (random) => `$${random.whole(0, 2999)}.${digits(random, 2)}`,
  (random) => `(${random.whole(1, 99)})`,
  (random) => `#${digits(random, random.whole(3, 8))}`,
  (random) => `${random.whole(1, 99)} x ${random.whole(1, 400)}`,
  (random) => digits(random, random.whole(4, 12)),
];

function cased(random: Random, word: string): string {
  const roll = random.next();
  if (roll < 0.12) return word.toUpperCase();
  return roll < 0.3 ? `${word.charAt(0).toUpperCase()}${word.slice(1)}` : word;
}

/** A line of one to seven words and numbers. */
export function lineOfText(random: Random, vocabulary: Vocabulary): string {
  const shout = random.chance(0.1);
  const parts = Array.from({ length: random.whole(1, 7) }, () => {
    if (random.chance(0.22)) return random.pick(numbers)(random, vocabulary);
    const word = cased(random, random.pick(vocabulary.words));
    return random.chance(0.12) ? `${word}${random.pick([',', '.', ':', ';', '!', '?', "'s", ')'])}` : word;
  });
  const text = parts.join(' ');
  return shout ? text.toUpperCase() : text;
}
