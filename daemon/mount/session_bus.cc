#include "daemon/mount/session_bus.h"

#include <systemd/sd-bus.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <system_error>

namespace recrypt {
namespace {

constexpr char kName[] = "org.freedesktop.Notifications";
constexpr char kPath[] = "/org/freedesktop/Notifications";
constexpr auto kPatience = std::chrono::seconds(1);
constexpr uint64_t kLookEveryUs = 50'000;
constexpr int32_t kServiceDecides = -1;  // how long it is shown

struct DropBus {
  // Not flushed: that waits for a bus that does not read.
  void operator()(sd_bus* bus) const {
    sd_bus_close(bus);
    sd_bus_unref(bus);
  }
};
using Bus = std::unique_ptr<sd_bus, DropBus>;

struct DropMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, DropMessage>;

tl::unexpected<Error> BusFailure(int result) {
  return Fail(ErrorCode::kUnavailable,
              "the session bus: " + std::generic_category().message(-result));
}

Result<Message> MakeNotify(sd_bus* bus, const Notice& notice) {
  sd_bus_message* made = nullptr;
  int result = sd_bus_message_new_method_call(bus, &made, kName, kPath, kName, "Notify");
  if (result < 0) return BusFailure(result);
  Message message(made);
  // Nothing depends on the answer; waiting for it would be waiting for the desktop.
  result = sd_bus_message_set_expect_reply(made, 0);
  if (result >= 0) {
    result =
        sd_bus_message_append(made, "susssasa{sv}i", "RecryptFS", uint32_t{0}, "security-high",
                              notice.summary.c_str(), notice.body.c_str(), 0, 0, kServiceDecides);
  }
  if (result < 0) return BusFailure(result);
  return message;
}

// Lets the bus and us talk until `done` is true of it.
template <typename Done>
Status TalkUntil(sd_bus* bus, const std::function<bool()>& stop, Done done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    const int processed = sd_bus_process(bus, nullptr);
    if (processed < 0) return BusFailure(processed);
    if (done()) return {};
    if (stop() || std::chrono::steady_clock::now() > end) {
      return Fail(ErrorCode::kUnavailable, "the session bus does not answer in time");
    }
    if (processed > 0) continue;
    const int waited = sd_bus_wait(bus, kLookEveryUs);
    if (waited < 0 && waited != -EINTR) return BusFailure(waited);
  }
}

}  // namespace

Status SendToDesktop(const Notice& notice, const std::function<bool()>& stop) {
  sd_bus* opened = nullptr;
  const int result = sd_bus_open_user(&opened);
  if (result < 0) return BusFailure(result);
  const Bus bus(opened);
  RECRYPT_TRY(TalkUntil(opened, stop, [&] { return sd_bus_is_ready(opened) > 0; }));
  RECRYPT_ASSIGN(const Message message, MakeNotify(opened, notice));
  const int sent = sd_bus_send(opened, message.get(), nullptr);
  if (sent < 0) return BusFailure(sent);
  return TalkUntil(opened, stop, [&] {
    uint64_t queued = 0;
    return sd_bus_get_n_queued_write(opened, &queued) < 0 || queued == 0;
  });
}

}  // namespace recrypt
