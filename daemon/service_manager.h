// What systemd, or another service manager, is told by sd_notify(3)'s protocol.
//
//   NotifyManager("READY=1", "Serving example.com");
//
// Nothing happens where no manager listens. Thread safe.
#ifndef RECRYPT_DAEMON_SERVICE_MANAGER_H_
#define RECRYPT_DAEMON_SERVICE_MANAGER_H_

#include <string>

namespace recrypt {

// `status` is what people are shown, in a line; not told when empty.
void NotifyManager(std::string state, std::string status = "");

// RELOADING=1, with the time that goes with it; READY=1 follows when it is done.
void NotifyReloading();

}  // namespace recrypt

#endif  // RECRYPT_DAEMON_SERVICE_MANAGER_H_
