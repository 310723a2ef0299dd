#include "cli/console/html.h"

#include "core/json/utf8.h"

namespace recrypt {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Characters that are not seen and change what is: controls, and those that turn the direction of
// writing (U+202A to U+202E, U+2066 to U+2069), with which a name could look like another.
size_t UnseenLength(std::string_view text) {
  const auto at = [text](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const bool blank = at(0) == '\n' || at(0) == '\t';
  if ((at(0) < 0x20 && !blank) || at(0) == 0x7F) return 1;
  if (at(0) == 0xC2 && at(1) >= 0x80 && at(1) < 0xA0) return 2;
  if (at(0) != 0xE2) return 0;
  const bool embedding = at(1) == 0x80 && at(2) >= 0xAA && at(2) <= 0xAE;
  const bool isolate = at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9;
  return embedding || isolate ? 3 : 0;
}

std::string Escape(std::string_view text) {
  const bool valid = IsUtf8(text);
  std::string markup;
  markup.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    const bool stray = !valid && (static_cast<uint8_t>(c) & 0x80) != 0;
    const size_t unseen = stray ? 1 : UnseenLength(text);
    if (unseen > 0) {
      markup += kReplacement;
    } else if (c == '&') {
      markup += "&amp;";
    } else if (c == '<') {
      markup += "&lt;";
    } else if (c == '>') {
      markup += "&gt;";
    } else if (c == '"') {
      markup += "&quot;";
    } else if (c == '\'') {
      markup += "&#39;";
    } else {
      markup += c;
    }
    text.remove_prefix(unseen > 0 ? unseen : 1);
  }
  return markup;
}

}  // namespace

HtmlPart::HtmlPart(std::string_view text) : markup_(Escape(text)) {}

Html FillParts(std::string_view markup, std::initializer_list<HtmlPart> parts) {
  Html html;
  for (const HtmlPart& part : parts) {
    const size_t place = markup.find("{}");  // there is one: HtmlTemplate has counted
    html.markup_ += markup.substr(0, place);
    html.markup_ += part.markup();
    markup.remove_prefix(place + 2);
  }
  html.markup_ += markup;
  return html;
}

Html Code(std::string_view text) { return text.empty() ? Html() : Fill("<code>{}</code>", text); }

// The roles are those that a table has anyway: browsers take them away from one that is laid out in
// another way, as this one is on a narrow screen.
Html HtmlTable::html() const {
  Html head, body;
  for (const std::string& one : heads) {
    head += Fill("<th scope=\"col\" role=\"columnheader\">{}</th>", one);
  }
  for (const auto& row : rows) {
    Html cells;
    for (size_t i = 0; i < row.size(); ++i) {
      cells += Fill("<td role=\"cell\" data-head=\"{}\">{}</td>", heads[i], row[i]);
    }
    body += Fill("<tr role=\"row\">{}</tr>\n", cells);
  }
  return Fill(
      "<table role=\"table\"><caption>{}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">{}"
      "</tr></thead>\n<tbody role=\"rowgroup\">\n{}</tbody></table>\n",
      caption, head, body);
}

Html Facts(const std::vector<std::pair<std::string, Html>>& facts) {
  Html items;
  for (const auto& [name, value] : facts) {
    items += Fill("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
  }
  return Fill("<dl class=\"facts\">\n{}</dl>\n", items);
}

}  // namespace recrypt
