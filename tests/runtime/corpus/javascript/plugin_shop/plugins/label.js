const width = 12;
export default ({ name, cents }) => ({ label: name.padEnd(width, ".") + `${cents}`.padStart(6, ".") });
