// SPDX-License-Identifier: Apache-2.0
// A person's hands on the page's gateway view.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const fill = (page, label, text) => page.getByLabel(label, { exact: true }).fill(text);
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
export const answered = (page, words) => page.locator("[data-answer]").getByText(words).waitFor();
export const noted = (page, words) => page.locator("[data-note]").getByText(words).waitFor();

export async function setUp(page, link) {
  await page.goto(link);
  await fill(page, "Name", "ada");
  await fill(page, "Password", "correct horse battery staple");
  await fill(page, "Password again", "correct horse battery staple");
  await press(page, "Create account");
  await page.locator('[data-link="live"]').waitFor();
}

export async function openGateway(page) {
  await page.getByRole("link", { name: "Gateway", exact: true }).click();
  await page.getByRole("heading", { name: "Gateway", exact: true }).waitFor();
}

export const fillIn = (page, command, label, text) =>
  page
    .getByRole("form", { name: command, exact: true })
    .getByLabel(label, { exact: true })
    .fill(text);

/** With a yes to the question whether it is meant. */
export async function pressAndAccept(page, name) {
  page.once("dialog", (dialog) => dialog.accept());
  await press(page, name);
}

export async function edit(page, text, accept = true) {
  await page.getByRole("textbox", { name: "Change the desired configuration" }).fill(text);
  if (accept) page.once("dialog", (dialog) => dialog.accept());
  await page.locator('[data-do="save"]').click();
}

/** The newest flight record in the list, as the file that a person gets: its name and its text. */
export async function download(page) {
  const waiting = page.waitForEvent("download");
  await page.locator("[data-record] a").first().click();
  const file = await waiting;
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

export async function speakGerman(page) {
  await page.locator(".menu summary").click();
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { name: "Befehle" }).waitFor();
  await page.keyboard.press("Escape");
}

/** Asks the starter for events, a line each; it answers each with a line. */
export function starter() {
  const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return async (what) => {
    console.log(`ask ${what}`);
    const { value } = await answers.next();
    if (value !== "done") throw new Error(`the starter says ${value} to ${what}`);
  };
}
