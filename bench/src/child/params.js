/** About 100 bytes of JSON. */
export const paramsOf = (sequence) => ({
  orderId: `order-${String(sequence).padStart(10, '0')}`,
  partner: 'partner.example',
  amount: '129.90 EUR',
  sequence,
});

export const paramsList = (first, count) =>
  Array.from({ length: count }, (_, index) => paramsOf(first + index));
