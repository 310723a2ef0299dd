// ConsoleSession: who may use the console. The one-time token in the address that the terminal
// shows is exchanged for a cookie; what changes something shows a third secret, which stands in our
// forms alone.
//
//   ConsoleSession session(clock, port);
//   session.EntryTarget();                  // "/enter?token=…", for the terminal
//   RECRYPT_TRY(session.CheckOrigin(request));
//   RECRYPT_TRY(session.Enter(token));      // once; then session.Cookie()
//   RECRYPT_TRY(session.CheckCookie(request));
//   RECRYPT_TRY(session.CheckForm(form));
//
// A cookie of 127.0.0.1 goes to every port of it, those of others on this machine too. Ours is
// therefore for a folder whose name nobody knows, in which all pages are: with the folder alone, as
// it stands in the history, or the cookie alone, there is no way in. Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_CONSOLE_SESSION_H_
#define RECRYPT_CLI_CONSOLE_CONSOLE_SESSION_H_

#include <mutex>
#include <string>

#include "cli/console/form.h"
#include "cli/console/web_message.h"
#include "core/base/clock.h"
#include "core/base/secret.h"

namespace recrypt {

class ConsoleSession {
 public:
  // `clock` outlives this object.
  ConsoleSession(const Clock& clock, uint16_t port);

  std::string EntryTarget() const;
  const std::string& folder() const { return folder_; }  // "/Ab3…"
  std::string Cookie() const;                            // as in Set-Cookie
  std::string FormToken() const;

  // kDenied for a request that was made for another host, or by a page of another site.
  Status CheckOrigin(const WebRequest& request) const;
  // kDenied unless `token` is the one-time token, for the first time.
  Status Enter(std::string_view token);
  // kDenied unless the request shows the cookie. Counts as use.
  Status CheckCookie(const WebRequest& request);
  // kDenied unless the form is one of ours.
  Status CheckForm(const Form& form) const;

  // How long nobody has used it.
  int64_t IdleSeconds() const;

 private:
  const Clock& clock_;
  const uint16_t port_;
  const std::string folder_;
  const Secret cookie_;
  const Secret form_token_;
  mutable std::mutex mutex_;  // guards what follows
  Secret token_;              // empty once it was used
  int64_t used_ms_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_CONSOLE_SESSION_H_
