#include "service/listening.h"

#include <charconv>

namespace recrypt {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

Result<tcp::endpoint> ParseEndpoint(const std::string& text) {
  const auto refuse = [&] {
    return Fail(ErrorCode::kInvalid, "not an address with a port: " + text);
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return refuse();
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, parse_error] = std::from_chars(text.data() + colon + 1, end, port);
  error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || parse_error != std::errc() || stop != end) return refuse();
  return tcp::endpoint(address, port);
}

}  // namespace

Result<tcp::acceptor> ListenOn(const boost::asio::any_io_executor& executor,
                               const std::string& text) {
  RECRYPT_ASSIGN(const tcp::endpoint endpoint, ParseEndpoint(text));
  tcp::acceptor acceptor(executor);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(boost::asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return Fail(ErrorCode::kIo, "listening on " + text + ": " + error.message());
  return acceptor;
}

std::string AddressOf(const tcp::acceptor& acceptor) {
  error_code error;
  const auto local = acceptor.local_endpoint(error);
  const std::string host = local.address().to_string();
  return (local.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(local.port());
}

}  // namespace recrypt
