// Nodemailer's pool, for commands/bench/peers.py: one personal mail for each recipient.
//
// As its documentation says: `pool: true`, messages handed over when it says that it is idle, and
// no connection closed after so many messages.  Prints {"seconds", "accepted"}.
'use strict';

const nodemailer = require('nodemailer');

const order = JSON.parse(process.argv[2]);
const transporter = nodemailer.createTransport({
  host: '127.0.0.1',
  port: order.port,
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: order.connections,
  maxMessages: Infinity,
});

let next = 0;
let accepted = 0;
let ended = 0;
const begun = process.hrtime.bigint();

function mailTo(number) {
  const own = String(number).padStart(32, '0');
  return {
    from: order.from,
    to: order.address.replace('{}', number),
    subject: order.subject,
    text: `${order.text}\n${order.page}${own}\n`,
    headers: { 'List-Unsubscribe': `<${order.leave}${own}>` },
  };
}

function finished(error) {
  accepted += error ? 0 : 1;
  ended += 1;
  if (ended === order.messages) {
    const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
    transporter.close();
    console.log(JSON.stringify({ seconds, accepted }));
  }
}

transporter.on('idle', () => {
  while (transporter.isIdle() && next < order.messages) {
    transporter.sendMail(mailTo(next), finished);
    next += 1;
  }
});
