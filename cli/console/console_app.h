// ConsoleApp: every request of a browser to its page, and who may see which.
//
//   ConsoleApp app(client, port);
//   app.EntryTarget();                        // "/enter?token=…", for the terminal
//   WebResponse response = app.Answer(request);
//
// Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_CONSOLE_APP_H_
#define RECRYPT_CLI_CONSOLE_CONSOLE_APP_H_

#include <string>

#include "cli/console/console_session.h"
#include "cli/console/desk.h"

namespace recrypt {

class ConsoleApp {
 public:
  // `client` has keys and outlives this object.
  ConsoleApp(Client& client, uint16_t port)
      : session_(client.clock(), port), desk_(client, session_) {}

  std::string EntryTarget() const { return session_.EntryTarget(); }
  WebResponse Answer(const WebRequest& request);

  // The person in front of it has ended it.
  bool ended() const { return desk_.ended(); }
  // How long nobody has used it; 0 while a label is being given a new key.
  int64_t IdleSeconds();

 private:
  WebResponse Enter(const Form& query);
  WebResponse Answer(const WebRequest& request, const WebTarget& target);
  WebResponse Refuse(const Error& error) const;

  ConsoleSession session_;
  Desk desk_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_CONSOLE_APP_H_
