import { expect, test } from "vitest";
import { DeliveryCheck } from "../../../bench/load/delivery-check.ts";

const members = 3;
const senders = 2;

const checkOf = (oneOrder = true, echoes = true): DeliveryCheck =>
  new DeliveryCheck({ room: "room", members, senders, echoes, oneOrder });

/** Everything that three messages of each sender make, receiver by receiver. */
const all = (): [receiver: number, sender: number, sequence: number][] =>
  [0, 1, 2].flatMap((receiver) =>
    [0, 1, 2].flatMap((sequence) =>
      [0, 1].map((sender): [number, number, number] => [receiver, sender, sequence]),
    ),
  );

function outcome(check: DeliveryCheck, deliveries: readonly (readonly [number, number, number])[]) {
  for (const delivery of deliveries) check.deliver(...delivery);
  check.finish([3, 3]);
  const { lost, duplicated, disordered, words } = check;
  return { lost, duplicated, disordered, words };
}

test("all is well when each receiver gets each sender's numbers one after the other", () => {
  const check = checkOf();
  expect(outcome(check, all())).toEqual({ lost: 0, duplicated: 0, disordered: 0, words: [] });
  expect(check.deliveries).toBe(18);
});

test("a delivery that is missing is lost: the first, one in the middle, the last, any receiver's", () => {
  for (let missing = 0; missing < 18; missing++) {
    const found = outcome(
      checkOf(),
      all().filter((_, index) => index !== missing),
    );
    expect(found).toMatchObject({ lost: 1, duplicated: 0, disordered: 0 });
    const [receiver, sender] = all()[missing] ?? [];
    expect(found.words).toEqual([`room: lost: 1 of 3 messages of member ${sender} to member ${receiver}`]);
  }
});

test("a delivery that comes twice is duplicated, at once or later", () => {
  for (let doubled = 0; doubled < 18; doubled++) {
    const deliveries = all();
    const delivery = deliveries[doubled] ?? [0, 0, 0];
    for (const at of [doubled, 18]) {
      const found = outcome(checkOf(), deliveries.toSpliced(at, 0, delivery));
      expect(found).toMatchObject({ lost: 0, duplicated: 1, disordered: 0 });
    }
  }
});

test("two deliveries of one sender that are swapped are out of order", () => {
  for (const receiver of [0, 1, 2]) {
    const deliveries = all();
    const [first, second] = [receiver * 6, receiver * 6 + 2];
    [deliveries[first], deliveries[second]] = [
      deliveries[second] ?? [0, 0, 0],
      deliveries[first] ?? [0, 0, 0],
    ];
    expect(outcome(checkOf(false), deliveries)).toMatchObject({ lost: 0, duplicated: 0, disordered: 1 });
  }
});

test("members that see two senders in different orders are found where one order is promised", () => {
  const deliveries = all();
  [deliveries[6], deliveries[7]] = [deliveries[7] ?? [0, 0, 0], deliveries[6] ?? [0, 0, 0]];
  expect(outcome(checkOf(false), deliveries)).toMatchObject({ disordered: 0 });
  const found = outcome(checkOf(true), deliveries);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, disordered: 1 });
  expect(found.words).toEqual([
    "room: out of order: members 0 and 1 saw the room's messages in different orders",
  ]);
});

test("without echoes, senders need not get their own messages, but all others do", () => {
  const others = all().filter(([receiver, sender]) => receiver !== sender);
  expect(outcome(checkOf(false, false), others)).toMatchObject({ lost: 0, duplicated: 0, disordered: 0 });
  expect(outcome(checkOf(false, false), others.slice(1))).toMatchObject({ lost: 1 });
});

test("a message that nobody sent is a fault", () => {
  expect(outcome(checkOf(), [...all(), [1, 2, 0]])).toMatchObject({ duplicated: 1 });
  const more = outcome(checkOf(), [...all(), [1, 0, 3]]);
  expect(more).toMatchObject({ duplicated: 1 });
});
