// Html: markup in which every text has been escaped. Fill is the one way to make some: it puts
// texts and other markup into a template that stands in the source, and escapes the texts.
//
//   Html row = Fill("<td title=\"{}\">{}</td>", member.account, link);
//   page += row;
//
// A template is a literal, with a `{}` for each part, checked when it is compiled. Texts may stand
// between tags and in attributes within double quotes, and nowhere else: not in a script, a style,
// an attribute's name. Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_HTML_H_
#define RECRYPT_CLI_CONSOLE_HTML_H_

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace recrypt {

class Html {
 public:
  Html() = default;
  Html& operator+=(const Html& more) {
    markup_ += more.markup_;
    return *this;
  }
  bool empty() const { return markup_.empty(); }
  const std::string& markup() const { return markup_; }

 private:
  friend Html FillParts(std::string_view markup, std::initializer_list<class HtmlPart> parts);
  std::string markup_;
};

// What is put in: a text or a number, which is escaped, or markup.
class HtmlPart {
 public:
  HtmlPart(std::string_view text);  // NOLINT: a text is a part
  HtmlPart(const std::string& text) : HtmlPart(std::string_view(text)) {}
  HtmlPart(const char* text) : HtmlPart(std::string_view(text)) {}
  HtmlPart(const Html& html) : markup_(html.markup()) {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) HtmlPart(T number)
      : markup_(std::to_string(number)) {}

  const std::string& markup() const { return markup_; }

 private:
  std::string markup_;
};

template <typename... Parts>
struct HtmlTemplate {
  template <size_t kSize>
  consteval HtmlTemplate(const char (&literal)[kSize]) : text(literal, kSize - 1) {
    size_t places = 0;
    for (size_t at = text.find("{}"); at != text.npos; at = text.find("{}", at + 2)) ++places;
    if (places != sizeof...(Parts)) throw "a template has a {} for each part";
  }
  std::string_view text;
};

Html FillParts(std::string_view markup, std::initializer_list<HtmlPart> parts);

template <typename... Parts>
Html Fill(HtmlTemplate<std::type_identity_t<Parts>...> markup, const Parts&... parts) {
  return FillParts(markup.text, {HtmlPart(parts)...});
}

// A fingerprint, an id, a command; nothing for an empty text.
Html Code(std::string_view text);

// A table with a caption for who hears it, whose rows become blocks of lines on a narrow screen.
// `cells` of every row are as many as `heads`.
struct HtmlTable {
  std::string caption;
  std::vector<std::string> heads;
  std::vector<std::vector<Html>> rows = {};

  Html html() const;
};

// A list of what something has: names and values.
Html Facts(const std::vector<std::pair<std::string, Html>>& facts);

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_HTML_H_
