// SPDX-License-Identifier: Apache-2.0
// Labels of the time axis: the time of day, and the day itself where a new one begins.

const DAY_S = 86_400;

export function timeLabels(language: string, zone: string) {
  const locale = language === "en" ? "en-GB" : language;
  const make = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(locale, {
      timeZone: zone,
      hourCycle: "h23",
      ...options,
    });
    return (seconds: number) => format.format(seconds * 1000);
  };
  const second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const minute = make({ hour: "2-digit", minute: "2-digit" });
  const day = make({ day: "numeric", month: "short" });
  const month = make({ month: "short", year: "numeric" });
  return (splits: number[], stepS: number): string[] => {
    let shown = "";
    return splits.map((at) => {
      if (stepS >= 28 * DAY_S) return month(at);
      if (stepS >= DAY_S) return day(at);
      const time = stepS < 60 ? second(at) : minute(at);
      const today = day(at);
      const first = shown === "" || shown !== today;
      shown = today;
      return first ? `${time}\n${today}` : time;
    });
  };
}
