#include "tests/unit/client/dns_responder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

namespace recrypt {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr uint16_t kTypeSrv = 33;
constexpr uint16_t kClassIn = 1;
constexpr uint16_t kToTheQuestion = 0xC00C;  // a compressed name: the one at offset 12

void AppendName(Bytes& to, std::string_view name) {
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('.'));
    to.push_back(static_cast<uint8_t>(part.size()));
    Append(to, AsBytes(part));
    name.remove_prefix(std::min(name.size(), part.size() + 1));
  }
  to.push_back(0);
}

// The name at the start of a question, and its size in the message.
std::pair<std::string, size_t> ReadName(ByteSpan message) {
  std::string name;
  size_t at = kHeaderSize;
  while (at < message.size() && message[at] != 0) {
    if (!name.empty()) name += '.';
    name += AsText(message.subspan(at + 1, message[at]));
    at += size_t{1} + message[at];
  }
  return {name, at + 1 - kHeaderSize};
}

}  // namespace

DnsResponder::DnsResponder(std::vector<Srv> records, Manner manner)
    : records_(std::move(records)),
      manner_(manner),
      fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ::ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

DnsResponder::~DnsResponder() {
  stop_ = true;
  thread_.join();
}

std::string DnsResponder::address() const { return "127.0.0.1:" + std::to_string(port_); }

void DnsResponder::Serve() {
  while (!stop_) {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    uint8_t buffer[512];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    const ssize_t got =
        ::recvfrom(fd_.get(), buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < static_cast<ssize_t>(kHeaderSize)) continue;
    const ByteSpan question(buffer, static_cast<size_t>(got));
    {
      const std::lock_guard guard(mutex_);
      last_name_ = ReadName(question).first;
    }
    ++questions_;
    if (manner_ == Manner::kSilence) continue;
    const Bytes answer = AnswerTo(question);
    ::sendto(fd_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

Bytes DnsResponder::AnswerTo(ByteSpan question) {
  const size_t name_size = ReadName(question).second;
  Bytes answer = ToBytes(question.first(2));
  if (manner_ == Manner::kGarbage) {
    AppendU16(answer, 0x8180);
    Append(answer, AsBytes("garbage, and no DNS at all"));
    return answer;
  }
  AppendU16(answer, manner_ == Manner::kNoSuchName ? 0x8183 : 0x8180);
  AppendU16(answer, 1);
  AppendU16(answer, static_cast<uint16_t>(records_.size()));
  AppendU32(answer, 0);
  Append(answer, question.subspan(kHeaderSize, name_size + 4));
  for (const Srv& record : records_) {
    Bytes data;
    AppendU16(data, record.priority);
    AppendU16(data, record.weight);
    AppendU16(data, record.port);
    AppendName(data, record.target);
    AppendU16(answer, kToTheQuestion);
    AppendU16(answer, kTypeSrv);
    AppendU16(answer, kClassIn);
    AppendU32(answer, 60);
    AppendU16(answer, static_cast<uint16_t>(data.size()));
    Append(answer, data);
  }
  return answer;
}

}  // namespace recrypt
