#include "cli/console/desk.h"

#include <array>
#include <span>
#include <utility>

namespace recrypt {
namespace {

Html Hidden(const Form& fields) {
  Html html;
  for (const auto& [name, value] : fields) {
    html += Fill("<input type=\"hidden\" name=\"{}\" value=\"{}\">", name, value);
  }
  return html;
}

struct NamedPage {
  std::string_view name, title;
};

// Links to pages beside one another, of which one is shown.
Html Navigation(const Desk& desk, std::span<const NamedPage> pages, const Form& query,
                const std::string& shown, const std::string& of) {
  Html links;
  for (const NamedPage& one : pages) {
    const std::string target = desk.Link(one.name, query);
    links += one.name == shown
                 ? Fill("<li><a href=\"{}\" aria-current=\"page\">{}</a></li>", target, one.title)
                 : Fill("<li><a href=\"{}\">{}</a></li>", target, one.title);
  }
  return Fill("<nav aria-label=\"{}\"><ul>{}</ul></nav>\n", of, links);
}

Html WholePage(const std::string& title, int refresh_seconds, const Html& body) {
  const Html refresh = refresh_seconds > 0
                           ? Fill("<meta http-equiv=\"refresh\" content=\"{}\">\n", refresh_seconds)
                           : Html();
  return Fill(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n{}<title>{} – RecryptFS console</title>"
      "\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n{}</body>\n</html>\n",
      refresh, title, body);
}

Html Told(Desk& desk) {
  Html told;
  for (const std::string& sentence : desk.TakeTold()) {
    told += Fill("<p class=\"told\" role=\"status\">{}</p>\n", sentence);
  }
  return told;
}

// What can be done about an error in front of a browser.
std::string_view AdviceFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "Go back and correct what was entered.";
    case ErrorCode::kNotFound:
      return "Check the name; the overview shows the labels there are.";
    case ErrorCode::kExists:
    case ErrorCode::kStale:
    case ErrorCode::kBusy:
      return "Somebody else was quicker, or it is under way: load the page again to see how things "
             "stand.";
    case ErrorCode::kDenied:
    case ErrorCode::kForbidden:
      return "Nothing was changed. The message says what was refused, and where it names a "
             "command, "
             "what to run in a terminal.";
    case ErrorCode::kUnavailable:
      return "The service does not answer, or not in time. Load the page again in a while; "
             "'recryptfs status' shows which services answer.";
    case ErrorCode::kPending:
    case ErrorCode::kQuota:
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
      break;
  }
  return "See to what the message names, and load the page again.";
}

}  // namespace

std::string Desk::Link(std::string_view page, const Form& query) const {
  return WriteTarget(session_.folder() + "/" + std::string(page), query);
}

Html Desk::ChangeForm(std::string_view page, const Form& hidden, const Html& fields) const {
  Form all = hidden;
  all["form"] = session_.FormToken();
  return Fill("<form method=\"post\" action=\"{}\">{}\n{}</form>\n", Link(page), Hidden(all),
              fields);
}

Html Desk::AskForm(std::string_view page, const Form& hidden, const Html& fields) const {
  return Fill("<form method=\"get\" action=\"{}\">{}\n{}</form>\n", Link(page), Hidden(hidden),
              fields);
}

void Desk::Tell(std::string sentence) {
  const std::lock_guard lock(mutex_);
  told_.push_back(std::move(sentence));
}

std::vector<std::string> Desk::TakeTold() {
  const std::lock_guard lock(mutex_);
  return std::exchange(told_, {});
}

void Desk::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

bool Desk::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

Result<LabelName> LabelOf(const Form& form) { return LabelName::Parse(FieldOf(form, "name")); }

std::string LinkTo(const Desk& desk, std::string_view page, const LabelName& label) {
  return desk.Link(page, {{"name", label.text()}});
}

Page GoTo(std::string target) {
  Page page;
  page.go_to = std::move(target);
  return page;
}

Html Layout(Desk& desk, const Page& page) {
  static constexpr std::array kPages = {NamedPage{"", "Labels"}, NamedPage{"activity", "Activity"}};
  static constexpr std::array kLabelPages = {
      NamedPage{"label", "Members and policy"}, NamedPage{"audit", "Audit log"},
      NamedPage{"reviews", "Reviews"}, NamedPage{"rotation", "Key"}};
  const std::string account = desk.client().keystore().identity().account.text();
  Html beside;
  if (page.label) {
    beside = Navigation(desk, kLabelPages, {{"name", page.label->text()}}, page.name,
                        page.label->text());
  }
  const Html end = desk.ChangeForm("end", {}, Fill("<button class=\"quiet\">End</button>"));
  const Html body = Fill(
      "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"top\">\n"
      "<p class=\"brand\">RecryptFS <span>console of {}</span></p>\n{}{}</header>\n"
      "<main id=\"main\" tabindex=\"-1\">\n<h1>{}</h1>\n{}{}{}</main>\n",
      account, Navigation(desk, kPages, {}, page.name, "Console"), end, page.title, beside,
      Told(desk), page.main);
  return WholePage(page.title, page.refresh_seconds, body);
}

Html BareLayout(const std::string& title, const Html& main) {
  return WholePage(
      title, 0,
      Fill("<header class=\"top\"><p class=\"brand\">RecryptFS <span>console</span></p>"
           "</header>\n<main id=\"main\">\n<h1>{}</h1>\n{}</main>\n",
           title, main));
}

Html ErrorText(const Error& error) {
  std::string sentence = error.message;
  if (!sentence.empty() && sentence.back() != '.') sentence += '.';
  return Fill("<div class=\"problem\" role=\"alert\"><p>{}</p><p>{}</p></div>\n", sentence,
              AdviceFor(error.code));
}

int HttpStatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kDenied:
    case ErrorCode::kForbidden:
    case ErrorCode::kPending:
    case ErrorCode::kQuota:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kExists:
    case ErrorCode::kStale:
    case ErrorCode::kBusy:
      return 409;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
      return 500;
  }
  return 500;
}

}  // namespace recrypt
