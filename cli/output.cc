#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "cli/exit_codes.h"

namespace recrypt {
namespace {

constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kRed = "\033[1;31m";
constexpr std::string_view kPlain = "\033[0m";

// Code points, near enough to columns for names and numbers.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Colours Colours::OfThisProcess() {
  const char* unwanted = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (unwanted != nullptr && *unwanted != '\0') return {};
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return {};
  return {isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1};
}

std::string Table::text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

void Output::Line(std::string_view text) {
  if (!json()) out_ << Printable(text) << '\n';
}

void Output::Note(std::string_view text) {
  if (!json()) err_ << Printable(text) << '\n';
}

void Output::Lines(const Table& table) {
  if (json()) return;
  const std::string text = Printable(table.text());
  const size_t head = text.find('\n');
  if (!colours_.out || head == std::string::npos) {
    out_ << text;
  } else {
    out_ << kBold << text.substr(0, head) << kPlain << text.substr(head);
  }
}

void Output::Control(std::string_view sequence) {
  if (!json()) out_ << sequence;
}

void Output::Object(const Json& value) {
  if (json()) out_ << DumpJson(value) << '\n';
}

void Output::List(const Table& table, const Json& items, std::string_view when_empty) {
  if (table.empty()) {
    Note(when_empty);
  } else {
    Lines(table);
  }
  Object(items);
}

void Output::Failure(const Error& error) {
  if (json()) {
    const Json value = {{"error",
                         {{"code", ErrorCodeName(error.code)},
                          {"message", error.message},
                          {"exit", static_cast<int>(ExitCodeOf(error))},
                          {"advice", AdviceOn(error)}}}};
    err_ << DumpJson(value) << '\n';
  } else {
    err_ << (colours_.err ? kRed : "") << "recryptfs:" << (colours_.err ? kPlain : "") << ' '
         << Printable(error.message) << '\n';
  }
}

void Output::LastFailure(const Error& error) {
  Failure(error);
  const std::string_view advice = AdviceOn(error);
  const bool said = error.message.find("recryptfs ") != std::string::npos ||
                    error.message.find("--") != std::string::npos;
  if (!json() && !said && !advice.empty()) err_ << "  " << advice << '\n';
}

bool Output::Flush() {
  out_.flush();
  return out_.good();
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (size_t i = 0; i < printable.size(); ++i) {
    const auto c = static_cast<unsigned char>(printable[i]);
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    // U+0080 to U+009F are controls too, C2 80 to C2 9F in UTF-8.
    const bool high = c == 0xC2 && i + 1 < printable.size() &&
                      static_cast<unsigned char>(printable[i + 1]) < 0xA0;
    if (control || high) printable[i] = '?';
    if (high) printable[i + 1] = '?';
  }
  return printable;
}

}  // namespace recrypt
