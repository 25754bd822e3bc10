package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	mostSecrets    = 4
	shortestSecret = 16
	longestSecrets = 4096 // bytes of the file
)

// sign makes the value of Banksman-Signature: for each secret, separated by a
// space, "sha256=" and the lower-case hex HMAC-SHA256 of
//
//	TIMESTAMP "." BODY
//
// with TIMESTAMP as it stands in Banksman-Timestamp, in seconds since 1970. A
// receiver computes it with its secret, compares it in constant time with each of
// the values, accepts if one is equal, and refuses a timestamp more than five
// minutes away from its own clock. It differs between two tries of one delivery.
// To rotate: add the new secret as a second line, give it to the receiver, remove
// the old line.
func sign(secrets []string, at time.Time, body []byte) string {
	values := make([]string, len(secrets))
	for i, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		mac.Write([]byte(strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		values[i] = "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(values, " ")
}

// secretsIn reads one secret from each line, without the spaces around it. No
// error holds a part of one.
func secretsIn(file string) ([]string, error) {
	content, err := readSmall(file)
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	var secrets []string
	for line := range strings.Lines(content) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(line) < shortestSecret {
			return nil, fmt.Errorf("%s: a secret of %d characters can be guessed; want at least %d (openssl rand -hex 32 prints one)", file, len(line), shortestSecret)
		}
		secrets = append(secrets, line)
	}
	if len(secrets) == 0 || len(secrets) > mostSecrets {
		return nil, fmt.Errorf("%s holds %d secrets; want one on a line, and at most %d", file, len(secrets), mostSecrets)
	}
	return secrets, nil
}

// readSmall reads a file that holds a secret or an address and nothing else.
func readSmall(file string) (string, error) {
	about, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if about.Size() > longestSecrets {
		return "", fmt.Errorf("%s has %d bytes; want at most %d", file, about.Size(), longestSecrets)
	}
	content, err := os.ReadFile(file)
	return string(content), err
}
