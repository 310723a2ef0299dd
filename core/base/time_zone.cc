#include "core/base/time_zone.h"

#include <chrono>

namespace recrypt {

// Takes a rule apart from its front. Each function is false, or none, for what does not fit.
class TimeZone::Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }
  bool Skip(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Three letters or more, or anything in < >.
  bool Name() {
    const bool quoted = Skip('<');
    size_t size = 0;
    while (size < text_.size() && (quoted ? text_[size] != '>' : IsLetter(text_[size]))) ++size;
    text_.remove_prefix(size);
    return size >= 3 && (!quoted || Skip('>'));
  }
  std::optional<int64_t> Number(int64_t from, int64_t to) {
    int64_t number = 0;
    size_t digits = 0;
    while (digits < text_.size() && digits < 4 && text_[digits] >= '0' && text_[digits] <= '9') {
      number = number * 10 + (text_[digits++] - '0');
    }
    text_.remove_prefix(digits);
    if (digits == 0 || number < from || number > to) return std::nullopt;
    return number;
  }
  // [+-]hh[:mm[:ss]]
  std::optional<int64_t> Seconds(int64_t max_hours) {
    const int64_t sign = Skip('-') ? -1 : 1;
    if (sign == 1) (void)Skip('+');
    const auto hours = Number(0, max_hours);
    if (!hours) return std::nullopt;
    int64_t seconds = *hours * 3600;
    for (const int64_t unit : {60, 1}) {
      if (!Skip(':')) break;
      const auto part = Number(0, 59);
      if (!part) return std::nullopt;
      seconds += *part * unit;
    }
    return sign * seconds;
  }
  std::optional<Change> ReadChange() {
    if (!Skip(',') || !Skip('M')) return std::nullopt;
    const auto month = Number(1, 12);
    if (!month || !Skip('.')) return std::nullopt;
    const auto week = Number(1, 5);
    if (!week || !Skip('.')) return std::nullopt;
    const auto weekday = Number(0, 6);
    if (!weekday) return std::nullopt;
    Change change;
    change.month = static_cast<unsigned>(*month);
    change.week = static_cast<unsigned>(*week);
    change.weekday = static_cast<unsigned>(*weekday);
    if (!Skip('/')) return change;
    const auto second = Seconds(167);
    if (!second) return std::nullopt;
    change.second = *second;
    return change;
  }
  bool ReadSummer(int64_t winter, Summer& summer) {
    if (!Name()) return false;
    summer.offset = winter + 3600;
    if (!text_.empty() && text_.front() != ',') {
      const auto west = Seconds(24);
      if (!west) return false;
      summer.offset = -*west;
    }
    const auto begin = ReadChange();
    const auto end = begin ? ReadChange() : std::nullopt;
    if (!end) return false;
    summer.begin = *begin;
    summer.end = *end;
    return true;
  }

 private:
  static bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

  std::string_view text_;
};

Result<TimeZone> TimeZone::Parse(std::string_view rule) {
  const auto refuse = [rule] {
    return Fail(ErrorCode::kInvalid, "'" + std::string(rule.substr(0, 64)) +
                                         "' is no rule of a time zone such as UTC0 or "
                                         "CET-1CEST,M3.5.0,M10.5.0/3");
  };
  Reader reader(rule);
  TimeZone zone;
  zone.rule_ = std::string(rule);
  if (!reader.Name()) return refuse();
  const auto west = reader.Seconds(24);
  if (!west) return refuse();
  zone.offset_ = -*west;
  if (reader.AtEnd()) return zone;
  if (!reader.ReadSummer(zone.offset_, zone.summer_.emplace()) || !reader.AtEnd()) return refuse();
  return zone;
}

int64_t TimeZone::Change::InYear(int year) const {
  using namespace std::chrono;
  const auto in_month = std::chrono::year(year) / std::chrono::month(month);
  const std::chrono::weekday day(weekday);
  const sys_days date = week == 5 ? sys_days(in_month / day[last]) : sys_days(in_month / day[week]);
  return int64_t{date.time_since_epoch().count()} * 86400 + second;
}

int64_t TimeZone::OffsetAt(int64_t time) const {
  if (!summer_) return offset_;
  using namespace std::chrono;
  const sys_days day = floor<days>(sys_seconds(seconds(time + offset_)));
  const int year = static_cast<int>(year_month_day(day).year());
  const int64_t begin = summer_->begin.InYear(year) - offset_;
  const int64_t end = summer_->end.InYear(year) - summer_->offset;
  // South of the equator summer goes over the turn of the year.
  const bool summer = begin < end ? time >= begin && time < end : time >= begin || time < end;
  return summer ? summer_->offset : offset_;
}

}  // namespace recrypt
