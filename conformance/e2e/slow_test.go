//go:build linux

package e2e

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// TestSlowClients lets 200 clients begin an upload and stall, 200 stall within a header, and 200 cut their body short.
// Others are served meanwhile, and what the slow ones held comes back.
func TestSlowClients(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil, "--log=off")
	c := small(t, s, 1)
	c.push(t)
	alone := headTimes(t, s, c)
	before := openFiles(t, s)

	var slow []net.Conn
	for range 200 {
		u := s.expect(t, 202, "POST", "/v2/slow/blobs/uploads/", nil)
		upload := fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n%s", pathOf(u), s.host, rand.Text())
		slow = append(slow, s.dial(t, upload), s.dial(t, "GET /v2/ HTTP/1.1\r\nHost: "+s.host+"\r\nX-Slow: "))
		s.dial(t, upload).Close()
	}
	during := headTimes(t, s, c)
	c.check(t)
	c.push(t)
	t.Logf("HEAD of a blob takes %v alone and %v beside %d slow clients, in the median; %d files were open, %d are", alone, during, len(slow), before, openFiles(t, s))
	if during > 10*alone && during > 10*time.Millisecond { // 10, because the machine may be busy with something else
		t.Errorf("slow clients slow others: a HEAD takes %v in the median, %v without them", during, alone)
	}

	for _, conn := range slow {
		conn.Close()
	}
	s.client.CloseIdleConnections()
	after := before + 1000
	for range 300 {
		if after = openFiles(t, s); after <= before+10 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if after > before+10 {
		t.Errorf("%d files were open before the slow clients came, %d are 30 s after they left", before, after)
	}
	c.check(t)
}

// TestSlowHeader holds that a client that does not come to the end of its header is let go.
func TestSlowHeader(t *testing.T) {
	needE2E(t)
	s := start(t, tempDir(t), nil)
	conn := s.dial(t, "GET /v2/ HTTP/1.1\r\nHost: "+s.host+"\r\nX-Slow: ")
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	begin := time.Now()
	_, err := conn.Read(make([]byte, 1000))
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("a header that stalls for 2 minutes is waited for")
	}
	t.Logf("let go after %v: %v", time.Since(begin).Round(time.Second), err)
}

// dial connects and sends the beginning of a request.
func (s *server) dial(t *testing.T, begin string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(begin)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// headTimes returns the median time of 500 HEAD requests.
func headTimes(t *testing.T, s *server, c *smallImage) time.Duration {
	t.Helper()
	times := make([]time.Duration, 500)
	for i := range times {
		begin := time.Now()
		s.expect(t, 200, "HEAD", "/v2/small/blobs/"+string(c.layer.digest()), nil)
		times[i] = time.Since(begin)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// openFiles counts the file descriptors of the server.
func openFiles(t *testing.T, s *server) int {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid()))
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
