// Desk: what pages are made with: the client, links to one another, forms that change something,
// and what is to be told on the page that comes next.
//
//   Result<Page> LabelPage(Desk& desk, const Form& form);
//   Html link = Fill("<a href=\"{}\">Audit log</a>", desk.Link("audit", {{"name", label}}));
//
// A page that was asked for changes nothing; a form that changed something goes on to a page.
// Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_DESK_H_
#define RECRYPT_CLI_CONSOLE_DESK_H_

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/console/console_session.h"
#include "cli/console/html.h"
#include "cli/console/rotations.h"

namespace recrypt {

struct Page {
  std::string title;
  Html main;                            // behind the heading
  std::optional<LabelName> label = {};  // whose pages it is one of
  std::string name = "";                // by which links lead to it
  int refresh_seconds = 0;              // asked for again after so long; 0: not
  std::string go_to = "";               // where the browser goes on to instead of showing it
};

class Desk {
 public:
  // Both outlive this object.
  Desk(Client& client, const ConsoleSession& session)
      : client_(client), session_(session), rotations_(client) {}

  Client& client() { return client_; }
  Rotations& rotations() { return rotations_; }

  std::string Link(std::string_view page, const Form& query = {}) const;
  // A form whose button changes something; `fields` are its inputs, the button among them.
  Html ChangeForm(std::string_view page, const Form& hidden, const Html& fields) const;
  // One that leads to a page.
  Html AskForm(std::string_view page, const Form& hidden, const Html& fields) const;

  // A sentence for the next page that is shown.
  void Tell(std::string sentence);
  std::vector<std::string> TakeTold();

  void End();  // by the person in front of it
  bool ended() const;

 private:
  Client& client_;
  const ConsoleSession& session_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::string> told_;
  bool ended_ = false;
  Rotations rotations_;  // last: its threads use all else
};

// The label that a form is about.
Result<LabelName> LabelOf(const Form& form);
// The address of a page about a label.
std::string LinkTo(const Desk& desk, std::string_view page, const LabelName& label);
Page GoTo(std::string target);

// The whole page: head, navigation, what was told, and its content.
Html Layout(Desk& desk, const Page& page);
// A page without navigation, for who has no session.
Html BareLayout(const std::string& title, const Html& main);
// What went wrong, and what to do about it.
Html ErrorText(const Error& error);
int HttpStatusOf(const Error& error);

std::string_view StyleSheet();

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_DESK_H_
